const bounds = [[{{ south }}, {{ west }}], [{{ north }}, {{ east }}]]
const map = L.map("map").fitBounds(bounds)
L.tileLayer({{ url | json }}, {
  bounds,
  tileSize: {{ tile_size }},
  zoomOffset: {{ zoom_offset }},
  minNativeZoom: {{ minzoom }},
  maxNativeZoom: {{ maxzoom }},
  maxZoom: {{ most }},
  attribution: {{ attribution | json }},
}).addTo(map)
