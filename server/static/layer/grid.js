// A layer's JSON -> the grid of its map, without OpenLayers.
//
// The grid is that of the file, in the coordinates of its CRS. If these cannot be the axes of a map (no geotransform, a
// rotated or a south-up one), one pixel of the full resolution is one unit, x to the right and y up from the upper left.

import { PICTURES } from "./pictures.js"

const UNITS = ["m", "ft", "us-ft", "degrees"]
const PIXELS = [0, 1, 0, 0, 0, -1]

/** The formats of a level that browsers show: with a mask auto first, which is transparent, then the lightest. */
function picturesOf(level) {
  const formats = PICTURES.filter((format) => level.formats.includes(format))
  return level.mask && level.auto ? ["auto", ...formats] : formats
}

const isUpright = (transform) =>
  transform && transform[1] > 0 && transform[2] === 0 && transform[4] === 0 && transform[5] < 0

/**
 * @param {object} layer the body of /layers/{layer}
 * @return {object} extent: left, bottom, right, top; units: OpenLayers' name or null; levels: coarse to fine;
 *   toNative: coordinates of the map -> coordinates of the CRS; crs: name of the CRS, or null; digits: decimals of a
 *   tenth of a pixel
 */
export function gridOf(layer) {
  const transform = layer.geotransform
  const isPlaced = isUpright(transform)
  const [left, dx, , top, , dy] = isPlaced ? transform : PIXELS
  const units = isPlaced && UNITS.includes(layer.units) ? layer.units : null
  return {
    extent: [left, top + dy * layer.height, left + dx * layer.width, top],
    units,
    levels: levelsOf(layer, isPlaced),
    crs: transform ? (layer.crs?.code ?? (layer.crs?.name === "unknown" ? "CRS without a name" : layer.crs?.name) ?? "no CRS") : null,
    digits: digitsFor(transform ? Math.max(Math.abs(transform[1]), Math.abs(transform[2])) : 1),
    toNative: isPlaced ? (coordinate) => coordinate : ([x, y]) => applied(transform ?? PIXELS.map(Math.abs), x, -y),
    toPixel: ([x, y]) => [(x - left) / dx, (y - top) / dy],
  }
}

const applied = ([x0, xCol, xRow, y0, yCol, yRow], col, row) => [
  x0 + xCol * col + xRow * row,
  y0 + yCol * col + yRow * row,
]

const digitsFor = (pixel) => Math.min(12, Math.max(0, Math.ceil(1 - Math.log10(pixel))))

function levelsOf(layer, isPlaced) {
  const levels = layer.levels.map((level) => levelOf(layer, level, isPlaced))
  return levels.filter((level, at) => at === 0 || level.resolution < levels[at - 1].resolution)
}

/** A map has square pixels, so tiles are stretched if pixels of the file are not square or the size of a level is rounded. */
function levelOf(layer, level, isPlaced) {
  const sizes = [layer.width / level.width, layer.height / level.height]
  const [across, down] = (isPlaced && level.pixel_size) || sizes
  return {
    z: level.z,
    number: level.level,
    width: level.width,
    height: level.height,
    resolution: across,
    pixelSize: [across, down],
    dataSize: [level.tile_width, level.tile_height],
    tileSize: [level.tile_width, (level.tile_height * down) / across],
    tiles: [level.tiles_across, level.tiles_down],
    formats: picturesOf(level),
    hasSamples: level.formats.includes("bin"),
    hasMask: level.mask && level.mask_formats.includes("bin"),
    templates: templatesOf(layer, "tiles"),
    maskTemplates: templatesOf(layer, "mask"),
  }
}

/** URL templates by format; that of auto has no extension. */
function templatesOf(layer, rel) {
  const links = layer.links.filter((link) => link.rel === rel && link.templated)
  return Object.fromEntries(links.map(({ href }) => [/\{y\}\.(\w+)(?:\?|$)/.exec(href)?.[1] ?? "auto", href]))
}

export const urlOf = (template, { z }, col, row) => template.replace("{z}", z).replace("{x}", col).replace("{y}", row)
