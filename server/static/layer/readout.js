// The value of a pixel as texts: of samples exactly as they are stored, of pictures as the browser decodes them.
import { textOf } from "./samples.js"

const CHANNELS = ["R", "G", "B"]

/**
 * @param {LayerMap} layerMap
 * @param {object} tile of `LayerMap.tileAt`
 * @param {object} style
 * @param {number[]} drawn bands that are drawn
 * @return {{main: object[], rest: object[]}} label, text, raw of each band: those that are drawn, and others; both empty
 *   where nothing is
 */
export function valuesAt(layerMap, tile, style, drawn) {
  if (!tile?.isInside) return { main: [], rest: [] }
  return style.mode === "picture" ? colorsAt(layerMap, tile) : samplesAt(layerMap, tile, drawn, style)
}

function samplesAt({ samples, layer }, { z, col, row, pixel, level }, drawn, style) {
  const sample = samples.peek(z, col, row, drawn)
  if (!sample) return { main: [], rest: [], isPending: true }
  const at = pixel[1] * level.dataSize[0] + pixel[0]
  const value = (band) => {
    const { exact, offset, stride } = sample.band(band)
    return valueOf(layer, band, exact[offset + stride * at], drawn.length > 1 || layer.bands > 1)
  }
  const isHidden = sample.opacityReader(drawn, style)(at) === 0
  const others = samples.isPlanar ? [] : layer.band_info.map(({ band }) => band).filter((band) => !drawn.includes(band))
  const main = [...new Set(drawn)].map(value)
  const notes = sample.isStored ? [] : [{ label: "", text: "not stored" }]
  return { main: isHidden && !main.some(({ isNodata }) => isNodata) ? [...main, { label: "", text: "masked" }] : main, rest: [...notes, ...others.map(value)] }
}

function valueOf({ dtype, nodata, band_info: bands }, number, sample, isNamed) {
  const { scale, offset, unit, description, color_interpretation: color } = bands[number - 1] ?? {}
  const label = isNamed ? (description ?? (["red", "green", "blue", "alpha"].includes(color) ? color : `Band ${number}`)) : ""
  const raw = textOf(sample, dtype)
  const isNodata = nodata !== null && (Number(nodata) === Number(raw) || String(nodata) === raw.toLowerCase() || (dtype === "float32" && Math.fround(nodata) === sample))
  if (isNodata || raw === "NaN") return { label, text: isNodata ? "nodata" : "NaN", raw, isNodata: true }
  const isScaled = Number(scale ?? 1) !== 1 || Number(offset ?? 0) !== 0
  const physical = isScaled ? String(Number((Number(raw) * Number(scale ?? 1) + Number(offset ?? 0)).toPrecision(12))) : raw
  const suffix = unit ? ` ${{ metre: "m", meter: "m", foot: "ft" }[unit] ?? unit}` : ""
  return { label, text: grouped(physical) + suffix, raw: isScaled ? raw : null }
}

/** Commas between thousands. */
export function grouped(text) {
  if (!/^-?\d{4,}(\.\d+)?$/.test(text)) return text.replace("-", "−")
  const [whole, fraction] = text.replace("-", "−").split(".")
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction ? `.${fraction}` : "")
}

function colorsAt({ source, layer }, tile) {
  const color = source.colorAt(tile, ...tile.pixel)
  if (!color) return { main: [], rest: [], isPending: true }
  if (color[3] === 0) return { main: [{ label: "", text: "nothing" }], rest: [] }
  if (layer.bands === 1 && layer.dtype === "uint8" && layer.photometric.toLowerCase().startsWith("minisblack"))
    return { main: [valueOf(layer, 1, color[0], false)], rest: [] }
  return { main: CHANNELS.map((label, at) => ({ label, text: String(color[at]) })), rest: [] }
}
