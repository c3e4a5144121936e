import Map from "ol/Map.js"
import View from "ol/View.js"
import TileLayer from "ol/layer/WebGLTile.js"
import Projection from "ol/proj/Projection.js"
import DataTile from "ol/source/DataTile.js"
import TileGrid from "ol/tilegrid/TileGrid.js"

{% include "snippets/openlayers_grid.js" %}
const [width, height] = [{{ width }}, {{ height }}]
// value and opacity of each pixel
const loader = async (z, x, y) => {
  const reply = await fetch(`{{ url }}{{ "&" if "?" in url else "?" }}predictor=none&band=1`)
  if (!reply.ok) throw new Error(`tile ${z}/${x}/${y}: ${reply.status}`)
  const pixels = new Float32Array(2 * width * height)
{% if has_nodata %}  if (reply.status === 204) return pixels
  const values = new {{ array }}(await reply.arrayBuffer())
{% else %}  const values = new {{ array }}(reply.status === 204 ? width * height : await reply.arrayBuffer())
{% endif %}{% if mask_url %}  const hidden = await fetch(`{{ mask_url }}`)
  if (hidden.status === 204) return pixels
  const mask = new Uint8Array(await hidden.arrayBuffer())
{% endif %}  for (const [at, value] of values.entries()) if ({{ visible }}) pixels.set([value, 1], 2 * at)
  return pixels
}
// 2 to 98 % of the values of the first tile are black to white
const first = await loader(0, 0, 0)
const isInside = (at) => at % 2 === 0 && (at / 2) % width < {{ cols }} && at / 2 < {{ rows }} * width
const seen = first.filter((_, at) => isInside(at) && first[at + 1] === 1).sort()
const [low, high] = [0.02, 0.98].map((share) => seen[Math.floor(share * (seen.length - 1))] ?? share)
const white = high > low ? high : low + 1
const grey = ["interpolate", ["linear"], ["band", 1], low, [0, 0, 0, 1], white, [255, 255, 255, 1]]
const color = ["case", [">", ["band", 2], 0], grey, [0, 0, 0, 0]]
const source = new DataTile({
  projection, tileGrid, loader, wrapX: false, bandCount: 2, tileSize: [width, height], interpolate: false,
})
const view = new View({ projection })
new Map({ target: "map", view, layers: [new TileLayer({ source, extent, style: { color } })] })
view.fit(extent)
