// The view in the fragment of the page's URL: #at=x,y,resolution&as=hillshade&tab=use … Only what differs from the first view.

const SWITCHES = ["nodata", "mask", "isReversed", "isPlain"]
const NUMBERS = ["gamma", "exaggeration", "band"]
const CHOICES = { ramp: (value, { ramps }) => ramps.includes(value), mode: (value, { modes }) => modes.includes(value) }
const NAMES = { mode: "as", isReversed: "reversed", isPlain: "shade", exaggeration: "height" }
const keyOf = (field) => NAMES[field] ?? field

/** @return {object} parameter -> value of the URL now */
export const parametersNow = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)))

/** The style of the URL; what it does not name, or names wrongly, is that of `first`. */
export function styleFrom(parameters, first, options) {
  const style = { ...first }
  for (const field of SWITCHES) if (keyOf(field) in parameters) style[field] = parameters[keyOf(field)] === "on"
  for (const field of NUMBERS) if (Number(parameters[keyOf(field)]) > 0) style[field] = Number(parameters[keyOf(field)])
  for (const [field, isValid] of Object.entries(CHOICES)) if (isValid(parameters[keyOf(field)], options)) style[field] = parameters[keyOf(field)]
  const bands = parameters.bands?.split(",").map(Number)
  if (bands?.length === 3 && bands.every((band) => options.bands.includes(band))) style.bands = bands
  if (!options.bands.includes(style.band)) style.band = first.band
  const hand = rangesOf(parameters.stretch?.split(",").map(Number) ?? [])
  if (parameters.stretch === "minmax") style.stretch = "minmax"
  else if (hand) Object.assign(style, { stretch: "hand", hand })
  return style
}

/** Low and high of each of 3 channels from 6 numbers, or from 2 for all; null: they are none. */
function rangesOf(numbers) {
  if (![2, 6].includes(numbers.length)) return null
  const ranges = [0, 1, 2].map((channel) => numbers.slice((2 * channel) % numbers.length).slice(0, 2))
  return ranges.every((range) => range.every(Number.isFinite) && range[0] < range[1]) ? ranges : null
}

/** The parameters that turn `first` into `style`. */
export function parametersOf(style, first) {
  const parameters = {}
  for (const field of SWITCHES) if (style[field] !== first[field]) parameters[keyOf(field)] = style[field] ? "on" : "off"
  for (const field of [...NUMBERS, ...Object.keys(CHOICES)]) if (style[field] !== first[field]) parameters[keyOf(field)] = String(style[field])
  if (String(style.bands) !== String(first.bands)) parameters.bands = style.bands.join(",")
  if (style.stretch === "minmax") parameters.stretch = "minmax"
  if (style.stretch === "hand") parameters.stretch = (style.hand.every((range) => String(range) === String(style.hand[0])) ? style.hand[0] : style.hand.flat()).join(",")
  return parameters
}

/** [x, y, resolution] of a URL, or null. */
export function placeFrom({ at }) {
  const numbers = at?.split(",").map(Number)
  return numbers?.length === 3 && numbers.every(Number.isFinite) && numbers[2] > 0 ? numbers : null
}

/** Put parameters into the URL of the page, without a new entry in the history. */
export function replaceParameters(parameters) {
  const text = Object.entries(parameters)
    .map(([key, value]) => `${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}`)
    .join("&")
  history.replaceState(history.state, "", text ? `#${text}` : location.pathname + location.search)
}
