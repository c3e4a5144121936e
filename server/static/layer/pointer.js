// The value, the place and the tile under the pointer, as texts on the page.
import { geographicOf, geographicText } from "./geographic.js"
import { valuesAt } from "./readout.js"
import { drawnBands } from "./style.js"
import { coordinatesOf, factsOf, sentenceOf } from "./tile-facts.js"

const FIELDS = { level: "level-text", format: "format-text" } // where the name of a fact is taken by a control
const MOST_ON_MAP = 12 // other bands on the map; the tab Tiles has more
const MOST_IN_TAB = 256

const part = (name) => document.querySelector(`[data-map="${name}"]`)
const say = (text) => (part("status").textContent = text)

/** Show the value, the place and the tile under the pointer, or in the middle of the map. */
export function followPointer(layerMap, style, replies) {
  const { map, view, grid } = layerMap
  const target = part("map")
  const toGeographic = geographicOf(JSON.parse(target.dataset.geographic ?? "null"))
  let pixel = null // position of the pointer; null: the middle of the map
  let isKeyboard = false

  const refresh = () => {
    const coordinate = (pixel && map.getCoordinateFromPixel(pixel)) ?? view.getCenter()
    const tile = layerMap.tileAt(coordinate)
    const facts = { ...factsOf(tile), coordinates: coordinatesOf(grid, coordinate) }
    for (const [name, text] of Object.entries(facts)) part(FIELDS[name] ?? name).textContent = text
    const geographic = toGeographic?.(grid.toNative(coordinate))
    part("geographic").textContent = geographic ? geographicText(geographic, Number(target.dataset.degreeDigits)) : ""
    part("tile").hidden = !tile
    if (tile) part("tile").href = tile.url
    const values = valuesAt(layerMap, tile, style, drawnBands(style))
    showValues(values, tile)
    listValues(values)
    return sentenceOf(tile, facts.coordinates, part("value").textContent)
  }
  const point = (event) => {
    if (event.dragging) return
    pixel = event.pixel
    isKeyboard = false
    part("tap-hint").hidden = true
    refresh()
  }
  map.on("pointermove", point)
  map.on("click", point)
  target.addEventListener("keydown", () => {
    pixel = null
    isKeyboard = true
  })
  replies.addEventListener("change", refresh)
  map.on("rendercomplete", refresh)
  map.on("moveend", () => {
    const sentence = refresh()
    if (!layerMap.isDetailed) say("Zoom in: at this scale there are too many tiles of this level")
    else say(isKeyboard ? sentence : "")
  })
  return { refresh }
}

function showValues({ main, rest, isPending }, tile) {
  const element = part("value")
  element.replaceChildren(...main.map(valueNode))
  if (main.length === 0) element.textContent = isPending ? "…" : tile?.isInside ? "" : "outside"
  const stored = main.filter(({ raw, isNodata }) => raw && !isNodata).map(({ raw }) => raw)
  const texts = [stored.length ? `stored ${stored.join(", ")}` : "", ...rest.slice(0, MOST_ON_MAP).map(({ label, text }) => `${label} ${text}`.trim())]
  part("other-values").textContent = texts.filter(Boolean).join(" · ")
}

function valueNode({ label, text }) {
  const node = document.createElement("span")
  if (label) node.append(Object.assign(document.createElement("small"), { textContent: `${label} ` }))
  node.append(text)
  return node
}

/** List the values of all bands in the tab Tiles, while that is open. */
function listValues({ main, rest }) {
  const list = part("all-values")
  if (!list.checkVisibility()) return
  const rows = [...main, ...rest].slice(0, MOST_IN_TAB).map(({ label, text }) => {
    const row = document.createElement("div")
    row.append(...[["dt", label || "Value"], ["dd", text]].map(([tag, textContent]) => Object.assign(document.createElement(tag), { textContent })))
    return row
  })
  list.replaceChildren(...rows)
}
