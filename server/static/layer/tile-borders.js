// Borders and names of the tiles on the screen, light on dark so that they show on any picture.

const SMALLEST_LABELLED = [56, 26] // CSS pixels of the visible part of a tile: width, height
const canvas = document.createElement("canvas")

/**
 * @param {object} frame OpenLayers' frame state
 * @param {ScreenGrid | null | undefined} grid null: no borders
 * @return {HTMLCanvasElement} a layer of the map
 */
export function bordersCanvas({ size, extent, pixelRatio, viewState }, grid) {
  const [width, height] = size
  Object.assign(canvas, { width: Math.round(width * pixelRatio), height: Math.round(height * pixelRatio) })
  canvas.className = "borders"
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` })
  if (!grid) return canvas
  const context = canvas.getContext("2d")
  context.scale(pixelRatio, pixelRatio)
  Object.assign(context, { font: "600 12px system-ui, sans-serif", textBaseline: "top", lineJoin: "round" })
  const z = grid.getZForResolution(viewState.resolution)
  const { z: urlZ, tiles } = grid.levels[z]
  grid.forEachTileCoord(extent, z, ([, col, row]) => {
    if (col < 0 || row < 0 || col >= tiles[0] || row >= tiles[1]) return
    const [left, bottom, right, top] = grid.getTileCoordExtent([z, col, row])
    const x = Math.round((left - extent[0]) / viewState.resolution) + 0.5 // a line of one pixel, not of two halves
    const y = Math.round((extent[3] - top) / viewState.resolution) + 0.5
    const box = [(right - left) / viewState.resolution, (top - bottom) / viewState.resolution]
    drawFrame(context, x, y, ...box)
    const [seenX, seenY] = [Math.max(x, 0), Math.max(y, 0)]
    if (x + box[0] - seenX < SMALLEST_LABELLED[0] || y + box[1] - seenY < SMALLEST_LABELLED[1]) return
    drawName(context, `${urlZ}/${col}/${row}`, seenX + 4, seenY + 4)
  })
  return canvas
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
