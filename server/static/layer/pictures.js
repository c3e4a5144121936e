// The formats of tiles that this browser shows, the lightest first. Whether it shows JPEG XL is tried with one pixel.

const PIXEL = [255, 10, 0, 16, 16, 20, 55, 2, 8, 0, 1, 0, 24, 0, 75, 24, 139, 21, 130, 1]

const showsJxl = await createImageBitmap(new Blob([Uint8Array.from(PIXEL)], { type: "image/jxl" })).then(
  () => true,
  () => false,
)

export const PICTURES = [...(showsJxl ? ["jxl"] : []), "jpg", "webp", "png"]
