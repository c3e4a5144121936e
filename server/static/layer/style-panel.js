// The tab Style: controls that change the style of the map, and the histogram of what is in view.
import { gradientOf, RAMPS } from "./ramps.js"
import { MODES } from "./style.js"
import { Stretch } from "./stretch.js"

const SHOWN_IN = {
  band: ["values", "hillshade"],
  bands: ["bands"],
  stretch: ["values", "hillshade", "bands"],
  ramp: ["values", "hillshade"],
  gamma: ["values", "hillshade", "bands"],
  exaggeration: ["hillshade"],
  nodata: ["values", "hillshade", "bands"],
  mask: ["values", "hillshade", "bands"],
}

const part = (name) => document.querySelector(`[data-style="${name}"]`)
const box = (name) => document.querySelector(`[data-style-box="${name}"]`)

export class StylePanel {
  /**
   * @param {object} layer the body of /layers/{layer}
   * @param {string[]} modes those that the layer can be drawn in
   * @param {object} style of style.js; it is changed in place
   * @param {function} changed is called after each change
   */
  constructor(layer, modes, style, changed) {
    Object.assign(this, { layer, style, changed })
    this.#offerModes(modes)
    this.#offerBands()
    this.#offerRamps()
    this.#follow()
    this.stretch = new Stretch(style, () => this.#set({}))
    this.show()
  }

  /** Show the style in the controls. */
  show() {
    const { style } = this
    for (const [name, modes] of Object.entries(SHOWN_IN)) {
      const element = box(name)
      if (element) element.hidden = !modes.includes(style.mode) || !this.#isOffered(name)
    }
    box("picture").hidden = style.mode !== "picture"
    for (const input of document.querySelectorAll("[name=mode]")) input.checked = input.value === style.mode
    for (const input of document.querySelectorAll("[name=ramp]")) input.checked = input.value === (style.isPlain && style.mode === "hillshade" ? "" : style.ramp)
    document.querySelector("[data-style-shade]").hidden = style.mode !== "hillshade"
    part("band").value = style.band
    style.bands.forEach((band, at) => (part(`band-${at}`).value = band))
    for (const name of ["nodata", "mask", "isReversed"]) part(name).checked = style[name]
    for (const name of ["gamma", "exaggeration"]) {
      part(name).value = Math.log2(style[name])
      part(`${name}-text`).textContent = `${Number(style[name].toFixed(2))}`
    }
    for (const swatch of document.querySelectorAll("[data-ramp]"))
      if (swatch.dataset.ramp) swatch.style.background = gradientOf(swatch.dataset.ramp, style.isReversed)
    this.stretch.show()
  }

  #isOffered(name) {
    if (name === "band") return this.layer.bands > 1
    if (name === "nodata") return this.layer.nodata !== null
    if (name === "mask") return this.layer.levels.some((level) => level.mask) || this.layer.band_info.some((band) => band.color_interpretation === "alpha")
    return true
  }

  #set(changes) {
    Object.assign(this.style, changes)
    this.show()
    this.changed()
  }

  #offerModes(modes) {
    box("mode").hidden = modes.length < 2
    for (const mode of modes) part("modes").append(choice("mode", mode, MODES[mode]))
  }

  #offerBands() {
    const names = this.layer.band_info.map(({ band, description, color_interpretation: color }) => {
      const name = description ?? (["undefined", "gray", "grey", null].includes(color) ? null : color)
      return [name ? `${band} · ${name}` : `Band ${band}`, band]
    })
    for (const select of ["band", "band-0", "band-1", "band-2"])
      for (const [name, band] of names) part(select).add(new Option(name, band))
  }

  #offerRamps() {
    for (const name of Object.keys(RAMPS)) part("ramps").append(rampChoice(name, name))
    const shade = rampChoice("", "Shade alone")
    shade.dataset.styleShade = ""
    part("ramps").append(shade)
  }

  #follow() {
    part("modes").addEventListener("change", ({ target }) => this.#set({ mode: target.value }))
    part("band").addEventListener("change", ({ target }) => this.#set({ band: Number(target.value), stretch: automatic(this.style) }))
    for (const at of [0, 1, 2])
      part(`band-${at}`).addEventListener("change", ({ target }) => this.#set({ bands: this.style.bands.with(at, Number(target.value)) }))
    part("ramps").addEventListener("change", ({ target }) => this.#set(target.value ? { ramp: target.value, isPlain: false } : { isPlain: true }))
    for (const name of ["nodata", "mask", "isReversed"]) part(name).addEventListener("change", ({ target }) => this.#set({ [name]: target.checked }))
    for (const name of ["gamma", "exaggeration"])
      part(name).addEventListener("input", ({ target }) => this.#set({ [name]: Number((2 ** target.value).toFixed(3)) }))
  }
}

/** Another band has other values, so a stretch by hand ends. */
const automatic = ({ stretch }) => (stretch === "hand" ? "percent" : stretch)

function choice(group, value, text) {
  const label = document.createElement("label")
  const input = Object.assign(document.createElement("input"), { type: "radio", name: group, value })
  const span = document.createElement("span")
  span.textContent = text
  label.append(input, span)
  return label
}

function rampChoice(value, text) {
  const label = choice("ramp", value, text)
  const swatch = document.createElement("i")
  swatch.dataset.ramp = value
  label.append(swatch)
  return label
}
