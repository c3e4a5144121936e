// Texts about the tile under the pointer, or in the middle of the map without a pointer.

const number = new Intl.NumberFormat("en")

/** Name of a field in the page -> its text. */
export function factsOf(tile) {
  if (!tile) return { level: "–", place: "–", zxy: "–", bytes: "–", format: "–", from: "–", time: "–" }
  const { level, col, row, reply, format } = tile
  return {
    level: `${level.number} (${number.format(level.width)} × ${number.format(level.height)} pixels)`,
    place: `${col}, ${row}`,
    zxy: `${level.z}/${col}/${row}`,
    bytes: bytesOf(reply),
    from: reply?.from ?? "–",
    time: reply ? `${number.format(Math.round(reply.ms))} ms` : "…",
    format,
  }
}

function bytesOf(reply) {
  if (!reply) return "…"
  if (reply.status === 200) return number.format(reply.bytes)
  if (reply.status === 204 || reply.status === 404) return "none, the tile is not stored"
  return reply.status ? `none, the server replied ${reply.status}` : "none, the server did not reply"
}

/** Coordinates of the map in the CRS, to a tenth of a pixel. */
export function coordinatesOf(grid, coordinate) {
  const [x, y] = grid.toNative(coordinate).map((value) => value.toFixed(grid.digits).replace(/^-(?=[0.]+$)/, ""))
  return grid.crs === null ? `column ${x}, row ${y}` : `${x}, ${y} (${grid.crs})`
}

/** The same facts in one sentence, for screen readers. */
export function sentenceOf(tile, coordinates, value) {
  if (!tile) return `Outside the image, at ${coordinates}`
  const { level, place, bytes } = factsOf(tile)
  return `At ${coordinates}: ${value ? `value ${value}, ` : ""}level ${level}, tile column and row ${place}, bytes ${bytes}`
}
