// The legend on the map: the colours with the numbers at their ends.
import { gradientOf } from "./ramps.js"
import { grouped } from "./readout.js"
import { shortNumber } from "./stretch.js"

const part = (name) => document.querySelector(`[data-legend="${name}"]`)
const UNITS = { metre: "m", meter: "m", foot: "ft" }

/** @param {number[]} range low and high of the stretch */
export function showLegend(style, layer, range) {
  const isRamp = style.mode === "values" || style.mode === "hillshade"
  part("box").hidden = style.mode === "picture" || (style.mode === "hillshade" && style.isPlain)
  if (part("box").hidden) return
  const band = isRamp ? layer.band_info[style.band - 1] : null
  const [scale, offset] = [Number(band?.scale ?? 1), Number(band?.offset ?? 0)]
  const ends = range.map((value) => value * scale + offset)
  const unit = band?.unit ? ` ${UNITS[band.unit] ?? band.unit}` : ""
  ;["low", "high"].forEach((end, at) => (part(end).textContent = grouped(shortNumber(ends[at], ends)) + unit))
  part("name").textContent = isRamp ? (band?.description ?? "") : style.bands.map((number) => layer.band_info[number - 1]?.description ?? number).join(" · ")
  part("ramp").style.background = isRamp ? gradientOf(style.ramp, style.isReversed) : gradientOf("Grey")
}
