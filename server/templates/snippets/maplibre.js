import { Map } from "maplibre-gl"

const map = new Map({
  container: "map",
  style: {
    version: 8,
    sources: { rawcog: { type: "{{ kind }}", url: {{ url | json }}, tileSize: {{ tile_size }} } },
    layers: [{ id: "rawcog", type: "{{ layer }}", source: "rawcog" }],
  },
  bounds: [{{ west }}, {{ south }}, {{ east }}, {{ north }}],
})
