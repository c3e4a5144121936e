// The stretch: from which to which value the colours reach, by the values in view or by hand; with a histogram.
import { BINS } from "./statistics.js"

const ALL = [0, 1, 2]
const STEPS = 1000 // of the handles
const COLORS = ["#d03030", "#209040", "#3060d0"] // of the histograms of red, green and blue
const TEXTS = { percent: "2–98 % of this view", minmax: "least to greatest of this view", hand: "by hand" }

const part = (name) => document.querySelector(`[data-stretch="${name}"]`)

export class Stretch {
  /** Of each channel, as `statisticsOf` returns it. */
  #statistics = []
  /** Channels whose ends the controls show and move. */
  #channels = ALL

  constructor(style, changed) {
    Object.assign(this, { style, changed })
    for (const input of document.querySelectorAll("[name=stretch]"))
      input.addEventListener("change", () => {
        if (input.value === "hand") style.hand = this.#asShown()
        style.stretch = input.value
        changed()
      })
    part("channels").addEventListener("change", ({ target }) => {
      this.#channels = target.value < 0 ? ALL : [Number(target.value)]
      this.show()
    })
    part("low-handle").addEventListener("input", ({ target }) => this.#drag(target, 0))
    part("high-handle").addEventListener("input", ({ target }) => this.#drag(target, 1))
    part("low").addEventListener("change", ({ target }) => this.#type(target, 0))
    part("high").addEventListener("change", ({ target }) => this.#type(target, 1))
  }

  /** Take the statistics of what is in view. */
  take(statistics) {
    this.#statistics = statistics.filter(Boolean)
    this.show()
  }

  /** Low and high of each of 3 channels, for the shader. */
  ranges() {
    const ranges = ALL.map((channel) => this.#rangeOf(channel))
    return { low: ranges.map(([low]) => low), high: ranges.map(([, high]) => high) }
  }

  #rangeOf(channel) {
    const { stretch, hand } = this.style
    if (stretch === "hand") return hand[channel]
    const statistics = this.#statistics[channel] ?? this.#statistics[0]
    if (!statistics) return [0, 1]
    const range = stretch === "minmax" ? [statistics.min, statistics.max] : [statistics.low, statistics.high]
    return range[0] < range[1] ? range : widened(range[0])
  }

  /** The range that the controls show. */
  #range() {
    const ranges = this.#shown().map((channel) => this.#rangeOf(channel))
    return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))]
  }

  #shown() {
    return this.style.mode === "bands" ? this.#channels : ALL
  }

  show() {
    const range = this.#range()
    part("channels").hidden = this.style.mode !== "bands"
    part("text").textContent = TEXTS[this.style.stretch]
    for (const input of document.querySelectorAll("[name=stretch]")) input.checked = input.value === this.style.stretch
    const [from, to] = this.#domain()
    ;["low", "high"].forEach((end, at) => {
      const handle = part(`${end}-handle`)
      if (document.activeElement !== handle) handle.value = ((range[at] - from) / (to - from)) * STEPS
      handle.setAttribute("aria-valuetext", shortNumber(range[at], range))
      if (document.activeElement !== part(end)) part(end).value = shortNumber(range[at], range)
    })
    part("fill").style.insetInline = `${percent((range[0] - from) / (to - from))} ${percent(1 - (range[1] - from) / (to - from))}`
    this.#drawHistogram(from, to)
  }

  /** From where to where the histogram and the handles reach. */
  #domain() {
    const known = this.#statistics
    if (known.length === 0) return this.style.stretch === "hand" ? this.#range() : [0, 1]
    const ends = [Math.min(...known.map(({ from }) => from)), Math.max(...known.map(({ to }) => to))]
    if (this.style.stretch === "minmax") ends.splice(0, 2, Math.min(...known.map(({ min }) => min)), Math.max(...known.map(({ max }) => max)))
    if (this.style.stretch === "hand") ends.splice(0, 2, Math.min(ends[0], ...this.style.hand.flat()), Math.max(ends[1], ...this.style.hand.flat()))
    return ends[0] < ends[1] ? ends : widened(ends[0])
  }

  #drag(handle, at) {
    const [from, to] = this.#domain()
    this.#byHand(at, from + (handle.value / STEPS) * (to - from))
  }

  #type(input, at) {
    input.blur()
    const value = Number(input.value)
    if (input.value !== "" && Number.isFinite(value)) this.#byHand(at, value)
    else this.show()
  }

  /** Move an end, 0 or 1, of the channels that are shown. */
  #byHand(at, value) {
    const hand = this.#asShown()
    for (const channel of this.#shown()) {
      const range = hand[channel].with(at, value)
      const [low, high] = range[0] < range[1] ? range : [range[0], widened(range[0])[1]]
      hand[channel] = [rounded(low, high - low), rounded(high, high - low)]
    }
    Object.assign(this.style, { hand, stretch: "hand" })
    this.changed()
  }

  /** The ranges of now, to begin with by hand. */
  #asShown() {
    return ALL.map((channel) => this.#rangeOf(channel).map((end, _, [low, high]) => rounded(end, high - low)))
  }

  #drawHistogram(from, to) {
    const svg = part("histogram")
    const most = Math.max(1, ...this.#statistics.flatMap(({ bins }) => bins))
    svg.replaceChildren(
      ...this.#statistics.map(({ bins, from: first, to: last }, channel) => {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path")
        const x = (bin) => ((first + (bin / BINS) * (last - first) - from) / (to - from)) * 100
        const top = bins.map((count, bin) => `L${x(bin + 0.5).toFixed(2)} ${(40 - 38 * Math.sqrt(count / most)).toFixed(2)}`)
        path.setAttribute("d", `M${x(0).toFixed(2)} 40${top.join("")}L${x(BINS).toFixed(2)} 40Z`)
        if (this.#statistics.length > 1) path.style.fill = COLORS[channel]
        if (!this.#shown().includes(channel)) path.style.opacity = 0.1
        return path
      }),
    )
  }
}

const widened = (value) => [value - Math.max(0.5, Math.abs(value) * 1e-6), value + Math.max(0.5, Math.abs(value) * 1e-6)]
const percent = (part) => `${Math.min(100, Math.max(0, 100 * part)).toFixed(2)}%`

/** To a thousandth of the range. */
const rounded = (value, range) => Number(value.toFixed(Math.min(20, Math.max(0, Math.ceil(3 - Math.log10(range || 1))))))

/** A number with as many decimals as the range needs. */
export const shortNumber = (value, [low, high]) => String(rounded(value, high - low))
