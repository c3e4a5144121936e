// The legend on the map: the colours of each band that is drawn, with the numbers at their ends.
import { gradientOf } from "./ramps.js"
import { grouped } from "./readout.js"
import { shortNumber } from "./stretch.js"

const UNITS = { metre: "m", meter: "m", foot: "ft" }
const CHANNELS = ["#f00", "#0c0", "#24f"]
const box = document.querySelector("[data-legend]")

/** @param {{low: number[], high: number[]}} ranges of the 3 channels */
export function showLegend(style, layer, { low, high }) {
  box.hidden = style.mode === "picture" || (style.mode === "hillshade" && style.isPlain)
  if (box.hidden) return
  const isColor = style.mode === "bands"
  const bands = isColor ? style.bands : [style.band]
  const rows = bands.map((number, channel) => {
    const band = layer.band_info[number - 1] ?? {}
    const gradient = isColor ? `linear-gradient(to right, #000, ${CHANNELS[channel]})` : gradientOf(style.ramp, style.isReversed)
    return rowOf(band.description ?? (isColor ? `Band ${number}` : ""), endsOf(band, [low[channel], high[channel]]), gradient)
  })
  box.replaceChildren(...rows.flat())
}

/** The ends as texts, in the unit of the band. */
function endsOf({ scale, offset, unit }, range) {
  const ends = range.map((value) => value * Number(scale ?? 1) + Number(offset ?? 0))
  return ends.map((end) => grouped(shortNumber(end, ends)) + (unit ? ` ${UNITS[unit] ?? unit}` : ""))
}

function rowOf(name, [low, high], gradient) {
  const element = (className, textContent) => Object.assign(document.createElement("span"), { className, textContent })
  const row = Object.assign(document.createElement("div"), { className: "row" })
  row.append(element("", low), element("name", name), element("", high))
  const ramp = Object.assign(document.createElement("div"), { className: "ramp" })
  ramp.style.background = gradient
  return [row, ramp]
}
