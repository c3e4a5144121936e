// Coordinates of the CRS -> longitude and latitude, by a table that the page brings.
//
// The table has unit vectors at equal steps of x and y, so that poles and the antimeridian are places like all others.
// Between them, vectors are interpolated by cubics; the page states the largest error found when the table was made.

const RADIUS_M = 6378137
const FORMULAS = {
  degrees: ([x, y]) => [((((x + 180) % 360) + 360) % 360) - 180, y],
  mercator: ([x, y]) => [degrees(x / RADIUS_M), degrees(Math.atan(Math.sinh(y / RADIUS_M)))],
}

/**
 * @param {object | null} table formula: name of one that does without a table, or null; points: number along each axis;
 *   bounds: left, bottom, right, top; vectors: x, y, z of each point, row by row from the bottom
 * @return {null | function} coordinates of the CRS -> [longitude, latitude], or null outside
 */
export function geographicOf(table) {
  if (!table) return null
  const { formula, points, bounds, vectors } = table
  if (formula) return FORMULAS[formula]
  const [left, bottom, right, top] = bounds
  return ([x, y]) => {
    const col = ((x - left) / (right - left)) * (points - 1)
    const row = ((y - bottom) / (top - bottom)) * (points - 1)
    if (!(col >= 0 && row >= 0 && col <= points - 1 && row <= points - 1)) return null
    const sum = [0, 0, 0]
    for (const [r, down] of weights(row, points))
      for (const [c, across] of weights(col, points))
        for (let axis = 0; axis < 3; axis++) sum[axis] += down * across * (vectors[3 * (r * points + c) + axis] ?? NaN)
    if (sum.some(Number.isNaN)) return null
    return [degrees(Math.atan2(sum[1], sum[0])), degrees(Math.atan2(sum[2], Math.hypot(sum[0], sum[1])))]
  }
}

const degrees = (radians) => (radians * 180) / Math.PI

/** Indices of the four points around a place with their weights (Lagrange). */
function weights(place, count) {
  const first = Math.min(Math.max(Math.floor(place) - 1, 0), count - 4)
  const indices = [0, 1, 2, 3].map((at) => first + at)
  const weight = (own) => indices.reduce((product, other) => (other === own ? product : (product * (place - other)) / (own - other)), 1)
  return indices.map((own) => [own, weight(own)])
}

/** To about the size of a pixel, and no finer than the table. */
export function geographicText([longitude, latitude], digits) {
  const text = (value, [positive, negative]) => {
    const rounded = value.toFixed(digits)
    return `${rounded.replace("-", "")}° ${Number(rounded) < 0 ? negative : positive}`
  }
  return `${text(longitude, "EW")} ${text(latitude, "NS")}`
}
