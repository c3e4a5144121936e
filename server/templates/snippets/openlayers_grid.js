const extent = {{ extent | json }}
const projection = new Projection({ code: {{ code | json }}, units: {{ units | json }}, extent })
const tileGrid = new TileGrid({
  extent,
  origins: {{ origins | json }},
  resolutions: {{ resolutions | json }},
  tileSizes: {{ tile_sizes | json }},
})
