// OpenLayers' source for tiles of some levels of a layer; it records the reply to each tile.
import { ImageTile, TileGrid } from "./openlayers/ol.js"

const NOTHING = document.createElement("canvas") // the picture of a sparse tile
NOTHING.width = NOTHING.height = 1

/** Choose of two levels the one with pixels nearer in size to device pixels, which are finer than CSS pixels. */
const nearest = (resolution, coarse, fine) => resolution - Math.sqrt(coarse * fine)

class ScreenGrid extends TileGrid {
  getZForResolution(resolution) {
    return super.getZForResolution(resolution / window.devicePixelRatio, nearest)
  }
}

export class StoredTiles extends ImageTile {
  /**
   * @param {object} grid of native-grid.js
   * @param {object[]} levels those to show, coarse to fine
   * @param {string} wanted the format, where a level has it
   * @param {object} options projection; transition: ms; resolution: gives the view's; changed: is called after each reply
   */
  constructor(grid, levels, wanted, { projection, transition, resolution, changed }) {
    const replies = new Map()
    super({
      projection,
      transition,
      wrapX: false,
      loader: (z, x, y, { signal }) => load(this.url(z, x, y), signal, replies, changed),
      tileGrid: new ScreenGrid({
        origins: levels.map(() => [grid.extent[0], grid.extent[3]]), // of each: one for all is taken for a quadtree
        resolutions: levels.map((level) => level.resolution),
        tileSizes: levels.map((level) => level.tileSize),
        sizes: levels.map((level) => level.tiles),
      }),
    })
    Object.assign(this, { levels, wanted, replies, resolution })
  }

  /** Do not interpolate if an image pixel is larger than a device pixel. */
  getInterpolate() {
    return this.resolution() / window.devicePixelRatio >= this.levels.at(-1).resolution
  }

  format(z) {
    const { formats } = this.levels[z]
    return formats.includes(this.wanted) ? this.wanted : formats[0]
  }

  url(z, x, y) {
    const format = this.format(z)
    const { templates, z: urlZ } = this.levels[z]
    return templates[format].replace("{z}", urlZ).replace("{x}", x).replace("{y}", y)
  }

  /** Which level a view of this resolution shows, as an index of `levels`. */
  shown(resolution) {
    return this.getTileGrid().getZForResolution(resolution)
  }

  /** The tile at a coordinate that a view of this resolution shows; null outside. `reply` is null before it is there. */
  tileAt(coordinate, resolution) {
    const [z, col, row] = this.getTileGrid().getTileCoordForCoordAndZ(coordinate, this.shown(resolution))
    const level = this.levels[z]
    if (col < 0 || row < 0 || col >= level.tiles[0] || row >= level.tiles[1]) return null
    const url = this.url(z, col, row)
    return { level, col, row, url, format: this.format(z), reply: this.replies.get(url) ?? null }
  }
}

async function load(url, signal, replies, changed) {
  try {
    const reply = await fetch(url, { signal })
    const blob = await reply.blob()
    replies.set(url, { status: reply.status, bytes: blob.size })
    if (reply.status === 204 || reply.status === 404) return NOTHING
    if (!reply.ok) throw new Error(`${url}: status ${reply.status}`)
    return await createImageBitmap(blob)
  } catch (error) {
    if (!replies.has(url) && !signal.aborted) replies.set(url, { status: 0, bytes: 0 })
    throw error
  } finally {
    changed()
  }
}
