// The map of a layer in its own grid: pictures on a canvas, values by WebGL, borders of tiles above them.
import { Layer, Map as MapView, Projection, ScaleLine, TileLayer, View, defaultInteractions } from "../openlayers/ol.js"
import { PictureSource } from "./picture-source.js"
import { SampleTiles } from "./sample-tiles.js"
import { drawingOf } from "./style.js"
import { bordersCanvas } from "./tile-borders.js"
import { ValueLayer, ValueSource } from "./value-layer.js"

const SMALLEST_TILE = 48 // CSS pixels: smaller tiles would be too many on the screen
const DEEPEST = 16 // CSS pixels for each image pixel, at most
const SMALLEST_IMAGE = 160 // CSS pixels of the whole image, at least
const PADDING = [8, 8, 8, 8]
const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches
const duration = isStill ? 0 : 250

export class LayerMap {
  #pictures
  #values
  #borders
  #projection
  #isPicture = true
  hasBorders = false

  /**
   * @param {HTMLElement} target with a size
   * @param {HTMLElement} scale for the scale line
   * @param {object} layer the body of /layers/{layer}
   * @param {object} grid of grid.js
   * @param {Replies} replies
   */
  constructor(target, scale, layer, grid, replies) {
    Object.assign(this, { layer, grid, replies })
    const { extent, units, levels } = grid
    this.#projection = new Projection({ code: "native", units: units ?? "pixels", extent })
    this.finest = levels.at(-1).resolution
    this.view = new View({
      projection: this.#projection,
      extent,
      constrainOnlyCenter: true,
      enableRotation: false,
      minResolution: this.finest / DEEPEST,
      maxResolution: Math.max(levels[0].resolution, extent[2] - extent[0], extent[3] - extent[1]) / SMALLEST_IMAGE,
    })
    this.#pictures = new TileLayer({ extent, cacheSize: 128 })
    this.#values = new ValueLayer({ extent, visible: false })
    this.#borders = new Layer({ render: (frame) => bordersCanvas(frame, this.hasBorders ? this.source?.getTileGrid() : null) })
    this.map = new MapView({
      target,
      view: this.view,
      layers: [this.#pictures, this.#values, this.#borders],
      controls: units ? [new ScaleLine({ target: scale, units: units.endsWith("ft") ? "us" : "metric" })] : [],
      interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false, zoomDuration: duration }),
    })
  }

  /** Show a level alone, by its number in the file, or each where it fits the view (null); pictures in a format. */
  showTiles(number, format) {
    const chosen = (levels) => (number === null ? levels : levels.filter((level) => level.number === number))
    const options = { projection: this.#projection, transition: duration, resolution: () => this.view.getResolution() }
    const pictures = chosen(this.grid.levels.filter((level) => level.formats.length))
    const values = chosen(this.grid.levels.filter((level) => level.hasSamples))
    this.#put(this.#pictures, pictures, () => new PictureSource(this.grid, pictures, format, this.replies, options))
    this.#put(this.#values, values, () => {
      this.samples = new SampleTiles(this.layer, values, this.replies)
      return new ValueSource(this.grid, this.samples, options)
    })
    const levels = this.#isPicture ? pictures : values
    if (levels.length && this.view.getResolution() > coarsestOf(levels)) this.view.setResolution(coarsestOf(levels))
  }

  #put(layer, levels, source) {
    if (levels.length) layer.setMaxResolution(coarsestOf(levels) * 1.001)
    layer.setSource(levels.length ? source() : null)
  }

  /** Draw by a style of style.js. */
  draw(style) {
    this.#isPicture = style.mode === "picture"
    this.#pictures.setVisible(this.#isPicture)
    this.#values.setVisible(!this.#isPicture)
    if (!this.#isPicture) this.#values.getSource()?.draw(drawingOf(style, this.layer, this.grid))
    this.#borders.changed()
  }

  /** See `ValueLayer.setLook`. */
  look(look) {
    this.#values.setLook(look)
  }

  /** The source of what is shown. */
  get source() {
    return (this.#isPicture ? this.#pictures : this.#values).getSource()
  }

  /** Tiles of the source are on the screen, and not too many for it. */
  get isDetailed() {
    return (this.#isPicture ? this.#pictures : this.#values).isVisible(this.view)
  }

  setBorders(hasBorders) {
    this.hasBorders = hasBorders
    this.#borders.changed()
  }

  retry() {
    this.replies.forget()
    this.source.retry()
  }

  zoomBy(factor) {
    this.view.animate({ resolution: this.view.getResolution() / factor, duration })
  }

  showWhole() {
    this.view.fit(this.grid.extent, { padding: PADDING, duration: this.map.isRendered() ? duration : 0 })
  }

  /** Show one image pixel on each page pixel, its edges on those of device pixels. */
  showFull() {
    const [left, , , top] = this.grid.extent
    const [x, y] = this.view.getCenter()
    const half = this.map.getSize().map((length) => (length / 2) * this.finest)
    const step = this.finest / window.devicePixelRatio
    const snapped = (offset) => Math.round(offset / step) * step
    const center = [left + half[0] + snapped(x - half[0] - left), top - half[1] - snapped(top - half[1] - y)]
    this.view.animate({ center, resolution: this.finest, duration })
  }

  /** The tile at a coordinate that is shown: level, z, col, row, url, format, reply; null outside. */
  tileAt(coordinate) {
    const place = this.source?.getTileGrid().placeAt(coordinate, this.view.getResolution())
    if (!place) return null
    const { z, col, row } = place
    const level = this.source.levels[z]
    const url = this.#isPicture ? this.source.url(z, col, row) : this.samples.url(z, col, row)
    const [x, y] = this.#pixelOf(level, coordinate)
    return {
      ...place,
      level,
      url,
      format: this.#isPicture ? this.source.format(z) : "bin",
      reply: this.replies.of(url),
      pixel: [x - col * level.dataSize[0], y - row * level.dataSize[1]],
      isInside: x >= 0 && y >= 0 && x < level.width && y < level.height,
    }
  }

  #pixelOf(level, [x, y]) {
    const { extent } = this.grid
    return [Math.floor((x - extent[0]) / level.resolution), Math.floor((extent[3] - y) / level.pixelSize[1])]
  }

  /** The parts of loaded tiles that are in view, for statistics. */
  partsInView(bands) {
    const size = this.map.getSize()
    const grid = this.source?.getTileGrid()
    if (!size || !grid || this.#isPicture) return []
    const [left, bottom, right, top] = this.view.calculateExtent(size)
    const z = grid.getZForResolution(this.view.getResolution())
    const level = this.source.levels[z]
    const [firstX, firstY] = this.#pixelOf(level, [left, top])
    const [lastX, lastY] = this.#pixelOf(level, [right, bottom])
    const parts = []
    const [across, down] = level.dataSize
    for (let row = Math.max(0, Math.floor(firstY / down)); row <= Math.min(level.tiles[1] - 1, Math.floor(lastY / down)); row++)
      for (let col = Math.max(0, Math.floor(firstX / across)); col <= Math.min(level.tiles[0] - 1, Math.floor(lastX / across)); col++) {
        const tile = this.samples.peek(z, col, row, bands)
        if (!tile) continue
        parts.push({
          tile,
          left: Math.max(0, firstX - tile.left),
          top: Math.max(0, firstY - tile.top),
          right: Math.min(tile.width, lastX + 1 - tile.left),
          bottom: Math.min(tile.height, lastY + 1 - tile.top),
        })
      }
    return parts
  }
}

/** The coarsest resolution at which the map shows these levels. */
const coarsestOf = ([{ resolution, tileSize }]) => resolution * Math.max(1, Math.min(...tileSize) / SMALLEST_TILE)
