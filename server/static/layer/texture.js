// A tile of samples -> the texture that the shader of value-layer.js draws: 4 floats for each pixel.
//
//   values, hillshade: value, slope to the east, slope to the north (both rise over run), opacity
//   bands: red, green, blue, opacity

/** @return {Float32Array} of the tile with its padding; `neighbours`: those of `neighboursOf`, for hillshade alone */
export function textureOf(tile, drawing, neighbours) {
  const [width, height] = tile.level.dataSize
  const texture = new Float32Array(4 * width * height)
  const opacities = tile.opacities(drawing.bands, drawing)
  drawing.bands.forEach((number, channel) => {
    const { values, offset, stride } = tile.band(number)
    for (let at = 0; at < opacities.length; at++) if (opacities[at]) texture[4 * at + channel] = finite(values[offset + stride * at])
  })
  for (let at = 0; at < opacities.length; at++) texture[4 * at + 3] = opacities[at]
  if (drawing.mode === "hillshade") putSlopes(texture, tile, drawing, neighbours, opacities)
  return texture
}

const finite = (value) => (Number.isFinite(value) ? value : 0)

/** Columns and rows of the tiles around one, as far as there are any. */
export function neighboursOf({ tiles: [across, down] }, col, row) {
  const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => [dx, dy])).filter(([dx, dy]) => dx || dy)
  return around.filter(([dx, dy]) => col + dx >= 0 && row + dy >= 0 && col + dx < across && row + dy < down)
}

/** Slopes by Horn's method, as gdaldem computes them; a pixel without value takes that of the middle. */
function putSlopes(texture, tile, drawing, neighbours, opacities) {
  const [width, height] = tile.level.dataSize
  const around = withBorder(tile, drawing, neighbours, opacities)
  const wide = width + 2
  const [across, down] = tile.level.pixelSize.map((size, axis) => 8 * size * drawing.metresPerUnit[axis])
  for (let row = 0; row < tile.height; row++)
    for (let col = 0; col < tile.width; col++) {
      const at = row * width + col
      if (!opacities[at]) continue
      const middle = (row + 1) * wide + col + 1
      const own = around[middle]
      const read = (place) => (Number.isNaN(around[place]) ? own : around[place])
      const [a, b, c] = [read(middle - wide - 1), read(middle - wide), read(middle - wide + 1)]
      const [d, f] = [read(middle - 1), read(middle + 1)]
      const [g, h, i] = [read(middle + wide - 1), read(middle + wide), read(middle + wide + 1)]
      texture[4 * at + 1] = (drawing.metresPerValue * (c + 2 * f + i - a - 2 * d - g)) / across
      texture[4 * at + 2] = (drawing.metresPerValue * (a + 2 * b + c - g - 2 * h - i)) / down
    }
}

/** Values with a border of one pixel from the neighbours; NaN: nothing is there. */
function withBorder(tile, drawing, neighbours, opacities) {
  const [width, height] = tile.level.dataSize
  const wide = width + 2
  const around = new Float64Array(wide * (height + 2)).fill(NaN)
  const put = (source, dx, dy, seen) => {
    const { values, offset, stride } = source.band(drawing.bands[0])
    const cols = dx < 0 ? [width - 1, width] : dx > 0 ? [0, 1] : [0, width]
    const rows = dy < 0 ? [height - 1, height] : dy > 0 ? [0, 1] : [0, height]
    for (let row = rows[0]; row < rows[1]; row++)
      for (let col = cols[0]; col < cols[1]; col++) {
        const at = row * width + col
        if (seen[at]) around[(row + 1 + dy * height) * wide + col + 1 + dx * width] = values[offset + stride * at]
      }
  }
  put(tile, 0, 0, opacities)
  for (const { tile: other, dx, dy } of neighbours)
    if (other) put(other, dx, dy, other.opacities(drawing.bands, drawing))
  return around
}
