// OpenLayers' source for the pictures of some levels of a layer.
import { ImageTile } from "../openlayers/ol.js"
import { urlOf } from "./grid.js"
import { ScreenGrid } from "./screen-grid.js"

const NOTHING = document.createElement("canvas") // the picture of a sparse tile, and of one that failed
NOTHING.width = NOTHING.height = 1
const KEPT = 64 // pictures, for the colour under the pointer

export class PictureSource extends ImageTile {
  #replies
  #pictures = new Map()
  #pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })

  /**
   * @param {object} grid of grid.js
   * @param {object[]} levels those to show, coarse to fine
   * @param {string} wanted the format, where a level has it
   * @param {Replies} replies
   * @param {object} options projection; transition: ms; resolution: gives the view's
   */
  constructor(grid, levels, wanted, replies, { projection, transition, resolution }) {
    super({
      projection,
      transition,
      wrapX: false,
      loader: (z, col, row, { signal }) => this.#load(this.url(z, col, row), signal),
      tileGrid: new ScreenGrid(grid, levels),
    })
    this.#replies = replies
    Object.assign(this, { levels, wanted, resolution })
  }

  /** Do not interpolate if an image pixel is larger than a device pixel. */
  getInterpolate() {
    return this.resolution() / window.devicePixelRatio >= this.levels.at(-1).resolution
  }

  format(z) {
    const { formats } = this.levels[z]
    return formats.includes(this.wanted) ? this.wanted : formats[0]
  }

  url(z, col, row) {
    return urlOf(this.levels[z].templates[this.format(z)], this.levels[z], col, row)
  }

  /** Red, green, blue and opacity of a pixel of a tile, 0 to 255; null before the tile is there. */
  colorAt({ z, col, row }, x, y) {
    const picture = this.#pictures.get(this.url(z, col, row))
    if (!picture) return null
    this.#pixel.clearRect(0, 0, 1, 1)
    this.#pixel.drawImage(picture, x, y, 1, 1, 0, 0, 1, 1)
    return [...this.#pixel.getImageData(0, 0, 1, 1).data]
  }

  /** Load the tiles again that failed. */
  retry() {
    this.refresh()
  }

  async #load(url, signal) {
    const outcome = await this.#replies.get(url, signal).catch((error) => {
      if (signal.aborted) throw error
      return null // the page tells of the failure
    })
    return outcome ? this.#picture(url, outcome) : NOTHING
  }

  async #picture(url, { reply, body }) {
    try {
      const picture = await createImageBitmap(new Blob([body], { type: reply.headers.get("Content-Type") }))
      this.#pictures.set(url, picture)
      if (this.#pictures.size > KEPT) this.#pictures.delete(this.#pictures.keys().next().value)
      return picture
    } catch (error) {
      this.#replies.fail(url, error.message)
      return NOTHING
    }
  }
}
