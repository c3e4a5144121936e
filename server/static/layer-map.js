// The map of a layer's page, in the layer's own grid; templates/layer.html has the elements that it uses.
import { Map as MapView, Projection, ScaleLine, TileLayer, View, defaultInteractions } from "./openlayers/ol.js"
import { gridOf } from "./native-grid.js"
import { StoredTiles } from "./stored-tiles.js"
import { drawBorders } from "./tile-borders.js"
import { coordinatesOf, factsOf, sentenceOf } from "./tile-facts.js"

const SMALLEST_TILE = 48 // CSS pixels: smaller tiles would be too many on the screen
const DEEPEST = 16 // CSS pixels for each image pixel, at most
const SMALLEST_IMAGE = 160 // CSS pixels of the whole image, at least
const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches
const duration = isStill ? 0 : 250

const FIELDS = { level: "level-text", format: "format-text" } // where the name of a fact is taken by a control

const part = (name) => document.querySelector(`[data-map="${name}"]`)
const target = part("map")
const say = (text) => (part("status").textContent = text)

start().catch((error) => {
  target.removeAttribute("aria-busy")
  say(`The map cannot be shown: ${error.message}`)
})

async function start() {
  const reply = await fetch(target.dataset.layer, { headers: { Accept: "application/json" } })
  const layer = await reply.json()
  if (!reply.ok) throw new Error(layer.detail)
  const grid = gridOf(layer)
  if (grid.levels.length === 0) throw new Error("browsers cannot show its tiles")
  await hasSize(target)
  show(grid)
}

/** Wait for a size: style sheets may load after the scripts. */
const hasSize = (element) =>
  new Promise((resolve) => {
    const observer = new ResizeObserver(() => {
      if (element.clientWidth === 0 || element.clientHeight === 0) return
      observer.disconnect()
      resolve()
    })
    observer.observe(element)
  })

function show(grid) {
  const { extent, units, levels } = grid
  const projection = new Projection({ code: "native", units: units ?? "pixels", extent })
  const finest = levels.at(-1).resolution
  const view = new View({
    projection,
    extent,
    constrainOnlyCenter: true,
    enableRotation: false,
    minResolution: finest / DEEPEST,
    maxResolution: Math.max(levels[0].resolution, extent[2] - extent[0], extent[3] - extent[1]) / SMALLEST_IMAGE,
  })
  const tiles = new TileLayer({ extent, cacheSize: 128 })
  const map = new MapView({
    target,
    view,
    layers: [tiles],
    controls: units ? [new ScaleLine({ units: units.endsWith("ft") ? "us" : "metric" })] : [],
    interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false, zoomDuration: duration }),
  })
  const facts = followTile(grid, map, tiles)

  const choose = () => {
    const level = part("level").value
    const shown = level === "" ? levels : levels.filter(({ number }) => String(number) === level)
    const options = { projection, transition: duration, resolution: () => view.getResolution(), changed: facts.refresh }
    tiles.setMaxResolution(coarsestOf(shown) * 1.001)
    tiles.setSource(new StoredTiles(grid, shown, part("format").value, options))
    if (view.getResolution() > coarsestOf(shown)) view.setResolution(coarsestOf(shown))
  }
  offerChoices(levels)
  part("level").addEventListener("change", choose)
  part("format").addEventListener("change", choose)
  part("borders").addEventListener("change", () => tiles.changed())
  tiles.on("postrender", (event) => part("borders").checked && drawBorders(event, tiles.getSource()))
  map.on("loadstart", () => target.setAttribute("aria-busy", "true"))
  map.on("rendercomplete", () => target.setAttribute("aria-busy", "false"))

  const whole = () => view.fit(extent, { padding: [8, 8, 8, 8], duration: map.isRendered() ? duration : 0 })
  onClick("in", () => view.animate({ resolution: view.getResolution() / 2, duration }))
  onClick("out", () => view.animate({ resolution: view.getResolution() * 2, duration }))
  onClick("whole", whole)
  onClick("full", () => view.animate({ resolution: finest, duration }))
  whole()
  choose()
  for (const element of document.querySelectorAll("[data-with-map]")) element.hidden = false
}

const onClick = (name, act) => part(name).addEventListener("click", act)

/** The coarsest resolution at which the map shows these levels. */
const coarsestOf = ([{ resolution, tileSize }]) => resolution * Math.max(1, Math.min(...tileSize) / SMALLEST_TILE)

function offerChoices(levels) {
  for (const { number, width, height } of [...levels].reverse())
    part("level").add(new Option(`Level ${number}: ${width} × ${height}`, String(number)))
  const formats = [...new Set(levels.flatMap((level) => level.formats))]
  const hasMask = levels.some((level) => level.hasMask)
  for (const format of formats) part("format").add(new Option(hasMask && format === "png" ? "png with mask" : format, format))
  part("format").closest("label").hidden = formats.length < 2
}

/** Show the facts of the tile under the pointer, and again at each `refresh`. */
function followTile(grid, map, tiles) {
  const view = map.getView()
  let pixel = null // position of the pointer; null: the middle of the map
  let isKeyboard = false
  const refresh = () => {
    const coordinate = (pixel && map.getCoordinateFromPixel(pixel)) ?? view.getCenter()
    const tile = tiles.getSource().tileAt(coordinate, view.getResolution())
    const facts = { ...factsOf(tile), coordinates: coordinatesOf(grid, coordinate) }
    for (const [name, text] of Object.entries(facts)) part(FIELDS[name] ?? name).textContent = text
    part("tile").hidden = !tile
    if (tile) part("tile").href = tile.url
    return sentenceOf(tile, facts.coordinates)
  }
  const point = (event) => {
    if (event.dragging) return
    pixel = event.pixel
    isKeyboard = false
    refresh()
  }
  map.on("pointermove", point)
  map.on("click", point)
  target.addEventListener("keydown", () => {
    pixel = null
    isKeyboard = true
  })
  map.on("moveend", () => {
    const sentence = refresh()
    if (!tiles.isVisible(view)) say("Zoom in: at this scale there are too many tiles of this level")
    else say(isKeyboard ? sentence : "")
  })
  return { refresh }
}
