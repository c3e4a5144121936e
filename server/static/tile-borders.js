// Borders and names of the tiles on the screen, drawn over them, light on dark so that they show on any picture.

const SMALLEST_LABELLED = [56, 26] // CSS pixels of the visible part of a tile: width, height

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
    const height = (top - bottom) / viewState.resolution
    drawFrame(context, x, y, width, height)
    const [seenX, seenY] = [Math.max(x, 0), Math.max(y, 0)]
    if (x + width - seenX < SMALLEST_LABELLED[0] || y + height - seenY < SMALLEST_LABELLED[1]) return
    drawName(context, `${urlZ}/${col}/${row}`, seenX + 4, seenY + 4)
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
  context.fillStyle = "#000c"
  context.fillRect(x, y, context.measureText(name).width + 8, 18)
  context.fillStyle = "#fff"
  context.fillText(name, x + 4, y + 4)
}
