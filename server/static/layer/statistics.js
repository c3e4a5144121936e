// Statistics of the values in view, for the stretch and the histogram.

const MOST_VALUES = 60_000 // of each band: enough for percentiles, and fast
export const BINS = 64

/**
 * @param {object[]} parts of tiles in view: {tile, left, top, right, bottom} in pixels of the tile
 * @param {number} band
 * @param {object} uses nodata, mask
 * @return {{min, max, low, high, bins} | null} low and high: 2 and 98 %; null without values
 */
export function statisticsOf(parts, band, uses) {
  const values = valuesOf(parts, band, uses)
  if (values.length === 0) return null
  values.sort()
  const at = (part) => values[Math.round(part * (values.length - 1))]
  const [min, max] = [values[0], values.at(-1)]
  const bins = new Array(BINS).fill(0)
  const [from, to] = [at(0.001), at(0.999)]
  for (const value of values) if (value >= from && value <= to) bins[binOf(value, from, to)]++
  return { min, max, low: at(0.02), high: at(0.98), from, to, bins }
}

const binOf = (value, from, to) => (to > from ? Math.min(BINS - 1, Math.floor(((value - from) / (to - from)) * BINS)) : 0)

function valuesOf(parts, band, uses) {
  const area = parts.reduce((sum, { left, top, right, bottom }) => sum + (right - left) * (bottom - top), 0)
  const step = Math.max(1, Math.floor(Math.sqrt(area / MOST_VALUES)))
  const values = []
  for (const { tile, left, top, right, bottom } of parts) {
    const source = tile.band(band)
    const opacityAt = tile.opacityReader([band], uses)
    const [width] = tile.level.dataSize
    for (let row = top; row < bottom; row += step)
      for (let col = left; col < right; col += step) {
        const at = row * width + col
        if (opacityAt(at) > 0) values.push(source.values[source.offset + source.stride * at])
      }
  }
  return Float64Array.from(values)
}
