// Borders and names of the tiles on the screen, drawn over them. Lines are light on dark, to be seen on any picture.

const SMALLEST_LABELLED = 56 // CSS pixels

/**
 * @param {object} event OpenLayers' postrender of the layer
 * @param {StoredTiles} source
 */
export function drawBorders({ context, frameState }, source) {
  const { extent, pixelRatio, viewState } = frameState
  const z = source.shown(viewState.resolution)
  const { z: urlZ, tiles } = source.levels[z]
  const grid = source.getTileGrid()
  context.save()
  context.setTransform(pixelRatio, 0, 0, pixelRatio, 0, 0)
  Object.assign(context, { font: "600 12px system-ui, sans-serif", textBaseline: "top", lineJoin: "round" })
  grid.forEachTileCoord(extent, z, ([, col, row]) => {
    if (col < 0 || row < 0 || col >= tiles[0] || row >= tiles[1]) return
    const [left, bottom, right, top] = grid.getTileCoordExtent([z, col, row])
    const x = Math.round((left - extent[0]) / viewState.resolution) + 0.5 // a line of one pixel, not of two halves
    const y = Math.round((extent[3] - top) / viewState.resolution) + 0.5
    const width = (right - left) / viewState.resolution
    drawFrame(context, x, y, width, (top - bottom) / viewState.resolution)
    if (width >= SMALLEST_LABELLED) drawName(context, `${urlZ}/${col}/${row}`, x + 6, y + 6)
  })
  context.restore()
}

function drawFrame(context, ...box) {
  for (const [lineWidth, strokeStyle] of [[3, "#000a"], [1, "#fff"]]) {
    Object.assign(context, { lineWidth, strokeStyle })
    context.strokeRect(...box)
  }
}

function drawName(context, name, x, y) {
  Object.assign(context, { lineWidth: 4, strokeStyle: "#000c", fillStyle: "#fff" })
  context.strokeText(name, x, y)
  context.fillText(name, x, y)
}
