// What a layer can be drawn as, and the style to begin with.

export const MODES = { picture: "Picture", values: "Values", hillshade: "Hillshade", bands: "RGB bands" }
const METRES = { m: 1, metre: 1, meter: 1, metres: 1, meters: 1, ft: 0.3048, foot: 0.3048, feet: 0.3048, "us-ft": 0.3048006096, "US survey foot": 0.3048006096 }
const METRES_PER_DEGREE = 111_320

/**
 * @param {object} layer the body of /layers/{layer}
 * @param {object} grid of grid.js
 * @return {string[]} names of MODES, the best first
 */
export function modesOf(layer, grid) {
  const hasPictures = grid.levels.some((level) => level.formats.length)
  const hasSamples = grid.levels.some((level) => level.hasSamples)
  const colors = colorBands(layer)
  const modes = []
  if (hasSamples && !isPalette(layer)) {
    if (colors.length >= 3) modes.push("bands")
    if (isTerrain(layer)) modes.push("hillshade", "values")
    else modes.push("values", ...(colors.length === 1 && layer.dtype !== "uint8" ? ["hillshade"] : []))
  } else if (hasSamples) modes.push("values")
  const isPicture = /^uint[1-8]$/.test(layer.dtype) || !hasSamples
  if (hasPictures) isPicture ? modes.unshift("picture") : modes.push("picture")
  return modes
}

const isPalette = (layer) => layer.photometric.toLowerCase().includes("palette")
const colorBands = (layer) => layer.band_info.filter((band) => band.color_interpretation !== "alpha").map((band) => band.band)

/** One band of heights, as far as the file tells. */
function isTerrain(layer) {
  const [band] = layer.band_info
  return colorBands(layer).length === 1 && !layer.dtype.startsWith("uint8") && Boolean(band.unit in METRES || layer.crs?.vertical)
}

/** The style of a layer that nobody has changed. */
export function firstStyle(layer, modes) {
  const named = ["red", "green", "blue"].map((name) => layer.band_info.find((band) => band.color_interpretation === name || band.description?.toLowerCase() === name))
  const colors = colorBands(layer)
  return {
    mode: modes[0] ?? null,
    band: colors[0] ?? 1,
    bands: named.every(Boolean) ? named.map(({ band }) => band) : [0, 1, 2].map((at) => colors[Math.min(at, colors.length - 1)] ?? 1),
    stretch: "percent", // or minmax, hand
    hand: null, // low and high of each of 3 channels, once it is by hand
    ramp: isTerrain(layer) ? "Terrain" : "Grey",
    isReversed: false,
    isPlain: false,
    gamma: 1,
    exaggeration: 1,
    nodata: true,
    mask: true,
  }
}

/** The bands that a style draws. */
export const drawnBands = (style) => (style.mode === "bands" ? style.bands : [style.band])

/** What the textures of a style depend on; all else is uniforms of the shader. */
export function drawingOf(style, layer, grid) {
  const { mode, nodata, mask } = style
  const bands = drawnBands(style)
  if (mode !== "hillshade") return { mode, bands, nodata, mask }
  const horizontal = METRES[grid.units] ?? 1
  const middle = ((grid.extent[1] + grid.extent[3]) / 2) * (Math.PI / 180)
  const metresPerUnit = grid.units === "degrees" ? [METRES_PER_DEGREE * Math.cos(middle), METRES_PER_DEGREE] : [horizontal, horizontal]
  const { unit, scale } = layer.band_info[bands[0] - 1] ?? {}
  const metresPerValue = (METRES[unit] ?? (grid.units === "degrees" ? 1 : horizontal)) * (Number(scale) || 1)
  return { mode, bands, nodata, mask, metresPerUnit, metresPerValue }
}
