import { Deck, MapView } from "@deck.gl/core"
import { TileLayer } from "@deck.gl/geo-layers"
import { BitmapLayer } from "@deck.gl/layers"

const layer = new TileLayer({
  data: {{ url | json }},
  minZoom: {{ minzoom }},
  maxZoom: {{ maxzoom }},
  tileSize: {{ tile_size }},
  extent: [{{ west }}, {{ south }}, {{ east }}, {{ north }}],
  renderSubLayers: (props) => {
    const { west, south, east, north } = props.tile.bbox
    return new BitmapLayer(props, { data: null, image: props.data, bounds: [west, south, east, north] })
  },
})
new Deck({
  parent: document.getElementById("map"),
  views: new MapView({ repeat: true }),
  controller: true,
  initialViewState: { longitude: {{ longitude }}, latitude: {{ latitude }}, zoom: {{ zoom }} },
  layers: [layer],
})
