import { fromUrl } from "geotiff"

const tiff = await fromUrl({{ url | json }})
const image = await tiff.getImage() // the next ones are the overviews, tiff.getImageCount() in all
const values = await image.readRasters({ window: [{{ col }}, {{ row }}, {{ col + width }}, {{ row + height }}] })
console.log(image.getWidth(), image.getHeight(), values)
