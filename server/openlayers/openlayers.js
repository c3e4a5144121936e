// The parts of OpenLayers that the pages use, and no others: what is not named here is not in the bundle.
export { default as Map } from "ol/Map.js"
export { default as View } from "ol/View.js"
export { default as ScaleLine } from "ol/control/ScaleLine.js"
export { defaults as defaultInteractions } from "ol/interaction/defaults.js"
export { default as TileLayer } from "ol/layer/Tile.js"
export { default as Projection } from "ol/proj/Projection.js"
export { default as ImageTile } from "ol/source/ImageTile.js"
export { default as TileGrid } from "ol/tilegrid/TileGrid.js"
