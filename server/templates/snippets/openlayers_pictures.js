import Map from "ol/Map.js"
import View from "ol/View.js"
import TileLayer from "ol/layer/Tile.js"
import Projection from "ol/proj/Projection.js"
import XYZ from "ol/source/XYZ.js"
import TileGrid from "ol/tilegrid/TileGrid.js"

{% include "snippets/openlayers_grid.js" %}
const source = new XYZ({
  projection,
  tileGrid,
  wrapX: false,
  url: {{ url | json }},
})
const view = new View({ projection })
new Map({ target: "map", view, layers: [new TileLayer({ source, extent })] })
view.fit(extent)
