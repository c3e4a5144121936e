// Tiles of samples with their masks: each is fetched and decoded once, and kept while there is room.
import { urlOf } from "./grid.js"
import { layoutOf, samplesOf } from "./samples.js"

const ROOM_BYTES = 256 << 20

export class SampleTiles {
  #blanks = new Map() // size of a tile -> samples of one that is not stored
  #entries = new Map() // key -> {promise, tile, bytes}, the longest unused first
  #bytes = 0

  /**
   * @param {object} layer the body of /layers/{layer}
   * @param {object[]} levels of `gridOf`, coarse to fine, each with samples
   * @param {Replies} replies
   */
  constructor(layer, levels, replies) {
    this.levels = levels
    this.bands = layer.bands
    this.isPlanar = layer.interleave === "band" && layer.bands > 1
    this.dtype = layer.dtype
    this.nodata = nodataOf(layer)
    this.alphaBand = layer.band_info.find((band) => band.color_interpretation === "alpha")?.band ?? null
    this.replies = replies
  }

  url(z, col, row, band = 1) {
    const url = urlOf(this.levels[z].templates.bin, this.levels[z], col, row)
    return this.isPlanar && band > 1 ? `${url}${url.includes("?") ? "&" : "?"}band=${band}` : url
  }

  /**
   * @param {number[]} bands numbers from 1 of those that are needed
   * @return {Promise<SampleTile>}
   */
  async load(z, col, row, bands) {
    const level = this.levels[z]
    const wanted = this.alphaBand ? [...bands, this.alphaBand] : bands
    const planes = this.isPlanar ? [...new Set(wanted)] : [1]
    const [mask, ...samples] = await Promise.all([
      level.hasMask ? this.#samples(this.#maskUrl(level, col, row), null) : undefined,
      ...planes.map((band) => this.#samples(this.url(z, col, row, band), this.#blank(level))),
    ])
    return new SampleTile(this, level, col, row, new Map(planes.map((band, at) => [band, samples[at]])), mask)
  }

  /** The same if all of it is in memory, else null. */
  peek(z, col, row, bands) {
    const level = this.levels[z]
    const planes = this.isPlanar ? bands : [1]
    const entries = planes.map((band) => this.#entries.get(this.url(z, col, row, band)))
    const mask = level.hasMask ? this.#entries.get(this.#maskUrl(level, col, row)) : undefined
    if (entries.some((entry) => entry?.samples === undefined) || (level.hasMask && mask?.samples === undefined)) return null
    return new SampleTile(this, level, col, row, new Map(planes.map((band, at) => [band, entries[at].samples])), mask?.samples)
  }

  #maskUrl(level, col, row) {
    return urlOf(level.maskTemplates.bin, level, col, row)
  }

  /** The samples of a tile that the file does not store, as GDAL reads them: nodata within the type, or 0. */
  #blank({ dataSize: [width, height] }) {
    const size = `${width} ${height}`
    if (!this.#blanks.has(size)) {
      const bands = this.isPlanar ? 1 : this.bands
      const values = new Float64Array(width * height * bands).fill(withinType(this.nodata ?? 0, this.dtype))
      const exact = this.dtype.startsWith("complex") ? new Array(values.length).fill([values[0], 0]) : values
      this.#blanks.set(size, { values, exact, width, height, bands, isBlank: true })
    }
    return this.#blanks.get(size)
  }

  /** The samples at a URL, or `blank` where the file does not store them. */
  #samples(url, blank) {
    const entry = this.#entries.get(url)
    if (entry) {
      this.#entries.delete(url)
      this.#entries.set(url, entry)
      return entry.promise
    }
    const added = { bytes: 0, samples: undefined }
    added.promise = this.replies
      .get(url)
      .then((outcome) => (outcome ? this.#decoded(url, outcome) : blank))
      .then((samples) => this.#keep(added, samples))
      .catch((error) => {
        this.#entries.delete(url)
        throw error
      })
    this.#entries.set(url, added)
    return added.promise
  }

  #decoded(url, { reply, body }) {
    try {
      return samplesOf(body, layoutOf(reply.headers))
    } catch (error) {
      this.replies.fail(url, error.message)
      throw error
    }
  }

  #keep(entry, samples) {
    entry.samples = samples
    entry.bytes = samples && !samples.isBlank ? samples.values.byteLength : 0
    this.#bytes += entry.bytes
    for (const [url, { bytes, samples }] of this.#entries) {
      if (this.#bytes <= ROOM_BYTES) break
      if (samples === undefined) continue
      this.#entries.delete(url)
      this.#bytes -= bytes
    }
    return samples
  }
}

/** The value that stands for nothing, as the samples have it; null: there is none. */
function nodataOf({ nodata, dtype }) {
  if (nodata === null || nodata === undefined) return null
  const value = { nan: NaN, inf: Infinity, "-inf": -Infinity }[nodata] ?? Number(nodata)
  return dtype === "float32" ? Math.fround(value) : value
}

/** A number as an integer type has it; floats stay as they are. */
function withinType(value, dtype) {
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(dtype) ?? []
  if (bits === undefined) return value
  const [least, greatest] = unsigned ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1]
  return Number.isNaN(value) ? 0 : Math.min(greatest, Math.max(least, Math.round(value)))
}

/** One tile: the samples of some bands at least, its mask, and what is known of its pixels. */
class SampleTile {
  constructor(tiles, level, col, row, planes, mask) {
    this.tiles = tiles
    this.level = level
    this.mask = mask
    this.planes = planes
    this.left = col * level.dataSize[0]
    this.top = row * level.dataSize[1]
    /** Size without the padding beyond the image. */
    this.width = Math.min(level.dataSize[0], level.width - this.left)
    this.height = Math.min(level.dataSize[1], level.height - this.top)
  }

  get isStored() {
    return ![...this.planes.values()].some((samples) => samples.isBlank)
  }

  /** @return {{values, exact, offset, stride}} the value of a pixel is values[offset + stride * (row * width + col)] */
  band(number) {
    const samples = this.planes.get(this.tiles.isPlanar ? number : 1)
    return { ...samples, offset: this.tiles.isPlanar ? 0 : number - 1, stride: samples.bands }
  }

  /**
   * @param {number[]} bands those that are drawn
   * @param {{nodata: boolean, mask: boolean}} uses what makes pixels transparent
   * @return {function(number): number} index of a pixel of the tile -> its opacity from 0 to 1
   */
  opacityReader(bands, uses) {
    const nodata = uses.nodata ? this.tiles.nodata : null
    const drawn = [...new Set(bands)].map((band) => this.band(band))
    const alpha = uses.mask && this.tiles.alphaBand && this.planesHave(this.tiles.alphaBand) ? this.band(this.tiles.alphaBand) : null
    const isMasked = uses.mask && this.level.hasMask
    return (at) => {
      if (isMasked && !this.mask?.values[at]) return 0
      if (drawn.every(({ values, offset, stride }) => isNothing(values[offset + stride * at], nodata))) return 0
      return alpha ? opacityOf(alpha.values[alpha.offset + alpha.stride * at], alpha.values) : 1
    }
  }

  /** Opacity of each pixel, with the padding. */
  opacities(bands, uses) {
    const [width, height] = this.level.dataSize
    const opacities = new Float32Array(width * height)
    const opacityAt = this.opacityReader(bands, uses)
    for (let row = 0; row < this.height; row++)
      for (let at = row * width; at < row * width + this.width; at++) opacities[at] = opacityAt(at)
    return opacities
  }

  planesHave(band) {
    return Boolean(this.planes.get(this.tiles.isPlanar ? band : 1))
  }
}

/** NaN and infinity have no colour. */
const isNothing = (value, nodata) => !Number.isFinite(value) || value === nodata

function opacityOf(value, values) {
  if (values instanceof Uint8Array) return value / 255
  if (values instanceof Uint16Array) return value / 65535
  return value > 0 ? 1 : 0
}
