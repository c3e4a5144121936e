// A part of a picture from a finer level: aligned files with much padding have few pixels of the image in the coarsest level.
import { gridOf, urlOf } from "../layer/grid.js"

const LEAST_SIDE = 192 // pixels of the longer side
const MOST_TILES = 4

/**
 * @param {string} href of the layer
 * @param {number[]} part left, top, width and height in parts of the image
 * @return {Promise<HTMLCanvasElement | null>} null: no level has more to show within a few tiles
 */
export async function partOf(href, part) {
  const reply = await fetch(href, { headers: { Accept: "application/json" } })
  if (!reply.ok) return null
  const levels = gridOf(await reply.json()).levels.filter((level) => level.formats.length)
  const views = levels.map((level) => viewOf(level, part)).filter(({ places }) => places.length <= MOST_TILES)
  const view = views.find(({ width, height }) => Math.max(width, height) >= LEAST_SIDE) ?? views.at(-1)
  return view ? drawn(view) : null
}

/** The part in pixels of a level, and the columns and rows of its tiles. */
function viewOf(level, [x, y, across, down]) {
  const [left, top] = [Math.floor(x * level.width), Math.floor(y * level.height)]
  const [width, height] = [Math.ceil(across * level.width), Math.ceil(down * level.height)]
  const [wide, high] = level.dataSize
  const range = (start, length, size) => {
    const first = Math.floor(start / size)
    return Array.from({ length: Math.floor((start + length - 1) / size) - first + 1 }, (_, at) => first + at)
  }
  const places = range(top, height, high).flatMap((row) => range(left, width, wide).map((col) => [col, row]))
  return { level, left, top, width, height, places }
}

async function drawn({ level, left, top, width, height, places }) {
  const [format] = level.formats
  const canvas = document.createElement("canvas")
  const stretch = level.pixelSize[1] / level.pixelSize[0]
  canvas.width = width
  canvas.height = Math.max(1, Math.round(height * stretch))
  const context = canvas.getContext("2d")
  context.scale(1, canvas.height / height)
  await Promise.all(
    places.map(async ([col, row]) => {
      const reply = await fetch(urlOf(level.templates[format], level, col, row))
      if (!reply.ok || reply.status === 204) return
      const tile = await createImageBitmap(await reply.blob())
      context.drawImage(tile, col * level.dataSize[0] - left, row * level.dataSize[1] - top)
    }),
  )
  return canvas
}
