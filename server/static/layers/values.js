// The picture of a layer of values, drawn as its page draws it first, but from a coarse level and without WebGL.
import { gridOf } from "../layer/grid.js"
import { colorsOf } from "../layer/ramps.js"
import { Replies } from "../layer/replies.js"
import { SampleTiles } from "../layer/sample-tiles.js"
import { statisticsOf } from "../layer/statistics.js"
import { drawingOf, drawnBands, firstStyle, modesOf } from "../layer/style.js"
import { neighboursOf, textureOf } from "../layer/texture.js"
import { opaquePart } from "./opaque-part.js"

const LEAST_SIDE = 192 // pixels of the longer side
const MOST_TILES = 4
const SUN = [315, 45].map((degrees) => (degrees * Math.PI) / 180) // azimuth, altitude

/**
 * @param {string} href of the layer
 * @return {Promise<HTMLCanvasElement | null>} null: it has no samples, or none that are not masked
 */
export async function pictureOf(href) {
  const reply = await fetch(href, { headers: { Accept: "application/json" } })
  if (!reply.ok) return null
  const layer = await reply.json()
  const grid = gridOf(layer)
  const mode = modesOf(layer, grid).find((name) => name !== "picture")
  const levels = grid.levels.filter((level) => level.hasSamples)
  if (!mode || levels.length === 0) return null
  const style = firstStyle(layer, [mode])
  const z = levels.indexOf(levelFor(levels))
  const tiles = new SampleTiles(layer, levels, new Replies())
  const parts = await partsOf(tiles, z, drawnBands(style))
  const ranges = drawnBands(style).map((band) => statisticsOf(parts, band, style))
  if (ranges.some((range) => range === null)) return null
  const drawing = drawingOf(style, layer, grid)
  return composed(levels[z], parts, (part) => imageOf(part, parts, drawing, ranges, colorsOf(style.ramp)))
}

/** The coarsest level with pixels enough, of those with few tiles. */
function levelFor(levels) {
  const few = levels.filter(({ tiles: [across, down] }) => across * down <= MOST_TILES)
  return few.find(({ width, height }) => Math.max(width, height) >= LEAST_SIDE) ?? few.at(-1) ?? levels[0]
}

/** All tiles of a level; of one with many the tile in the middle. */
async function partsOf(tiles, z, bands) {
  const [across, down] = tiles.levels[z].tiles
  const isMany = across * down > MOST_TILES
  const range = (count) => (isMany ? [count >> 1] : [...Array(count).keys()])
  const places = range(down).flatMap((row) => range(across).map((col) => [col, row]))
  return Promise.all(
    places.map(async ([col, row]) => {
      const tile = await tiles.load(z, col, row, bands)
      return { tile, col, row, left: 0, top: 0, right: tile.width, bottom: tile.height }
    }),
  )
}

function composed(level, parts, draw) {
  const [first, last] = [parts[0].tile, parts.at(-1).tile]
  const whole = new OffscreenCanvas(last.left + last.width - first.left, last.top + last.height - first.top)
  const context = whole.getContext("2d", { willReadFrequently: true })
  for (const part of parts)
    context.putImageData(draw(part), part.tile.left - first.left, part.tile.top - first.top, 0, 0, part.right, part.bottom)
  const seen = opaquePart(context.getImageData(0, 0, whole.width, whole.height)) ?? [0, 0, whole.width, whole.height]
  const canvas = document.createElement("canvas")
  canvas.width = seen[2]
  canvas.height = Math.max(1, Math.round((seen[3] * level.pixelSize[1]) / level.pixelSize[0]))
  canvas.getContext("2d").drawImage(whole, ...seen, 0, 0, canvas.width, canvas.height)
  return canvas
}

function imageOf(part, parts, drawing, ranges, ramp) {
  const around = neighboursOf(part.tile.level, part.col, part.row)
  const neighbours = around.flatMap(([dx, dy]) => {
    const other = parts.find(({ col, row }) => col === part.col + dx && row === part.row + dy)
    return other ? [{ tile: other.tile, dx, dy }] : []
  })
  const texture = textureOf(part.tile, drawing, neighbours)
  const [width, height] = part.tile.level.dataSize
  const image = new ImageData(width, height)
  for (let at = 0; at < texture.length; at += 4) {
    if (texture[at + 3] === 0) continue
    const color = drawing.mode === "bands" ? ranges.map((range, channel) => 255 * stretched(texture[at + channel], range)) : rampColor(texture[at], ranges[0], ramp)
    const shown = drawing.mode === "hillshade" ? shaded(color, texture[at + 1], texture[at + 2]) : color
    image.data.set([...shown, 255 * texture[at + 3]], at)
  }
  return image
}

const stretched = (value, { low, high }) => Math.min(1, Math.max(0, (value - low) / Math.max(high - low, 1e-30)))

function rampColor(value, range, ramp) {
  const at = 4 * Math.floor(255 * stretched(value, range) + 0.5)
  return [ramp[at], ramp[at + 1], ramp[at + 2]]
}

/** The hillshade of the shader in ../layer/value-layer.js. */
function shaded(color, east, north) {
  const [azimuth, altitude] = SUN
  const rise = north * Math.cos(azimuth) + east * Math.sin(azimuth)
  const light = (Math.sin(altitude) - Math.cos(altitude) * rise) / Math.hypot(1, east, north)
  const relative = Math.max(0, light) / Math.sin(altitude)
  const part = Math.min(1, relative - 1)
  return color.map((value) => (relative < 1 ? value * (0.3 + 0.7 * relative) : value + (255 - value) * part))
}
