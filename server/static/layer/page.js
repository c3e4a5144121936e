// The page of a layer: its map, its panel, and the view in the URL. templates/layer.html has the elements.
import { geographicOf, geographicText } from "./geographic.js"
import { gridOf } from "./grid.js"
import { LayerMap } from "./layer-map.js"
import { showLegend } from "./legend.js"
import { colorsOf, RAMPS } from "./ramps.js"
import { valuesAt } from "./readout.js"
import { Replies } from "./replies.js"
import { statisticsOf } from "./statistics.js"
import { drawnBands, firstStyle, modesOf } from "./style.js"
import { StylePanel } from "./style-panel.js"
import { tabsOf } from "./tabs.js"
import { coordinatesOf, factsOf, sentenceOf } from "./tile-facts.js"
import { parametersNow, parametersOf, placeFrom, replaceParameters, styleFrom } from "./view-url.js"

const FIELDS = { level: "level-text", format: "format-text" } // where the name of a fact is taken by a control
const SHOWN_MS = 2000

const part = (name) => document.querySelector(`[data-map="${name}"]`)
const target = part("map")
const say = (text) => (part("status").textContent = text)
const onClick = (name, act) => part(name).addEventListener("click", act)

let openTab = "style"
const chooseTab = tabsOf(document.querySelector("[data-tabs=panel]"), (name) => {
  openTab = name
  document.dispatchEvent(new Event("tab"))
})
tabsOf(document.querySelector("[data-tabs=clients]"))

start().catch((error) => {
  target.removeAttribute("aria-busy")
  tell(`The map cannot be shown: ${error.message}`)
  for (const name of ["style", "tiles"]) document.getElementById(`tab-${name}`).hidden = true
  part("retry").hidden = true
  chooseTab("use")
})

async function start() {
  const reply = await fetch(target.dataset.layer, { headers: { Accept: "application/json" } })
  const layer = await reply.json()
  if (!reply.ok) throw new Error(layer.detail)
  const grid = gridOf(layer)
  const modes = modesOf(layer, grid).filter((mode) => mode === "picture" || hasWebGl())
  if (modes.length === 0) throw new Error("this browser has no WebGL, which draws values. The programs under Use show them.")
  await hasSize(target)
  show(layer, grid, modes)
}

function hasWebGl() {
  const context = document.createElement("canvas").getContext("webgl")
  return Boolean(context?.getExtension("OES_texture_float"))
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

function show(layer, grid, modes) {
  const replies = new Replies()
  const layerMap = new LayerMap(target, part("scale"), layer, grid, replies)
  const { map, view } = layerMap
  const first = firstStyle(layer, modes)
  const bands = layer.band_info.map(({ band }) => band)
  const parameters = parametersNow()
  const style = styleFrom(parameters, first, { modes, bands, ramps: Object.keys(RAMPS) })
  let isWhole = true // the view is the one to begin with
  let isStale = true // the statistics are not those of the view

  const panel = new StylePanel(layer, modes, style, draw)
  offerLevels(layerMap, style)
  setControls(parameters)
  const readout = followPointer(layerMap, style, replies)

  function draw() {
    layerMap.draw(style)
    isStale = true
    look()
    measure()
    readout.refresh()
    keep()
  }

  function look() {
    const ranges = panel.stretch.ranges()
    layerMap.look({ ...ranges, mode: style.mode, gamma: style.gamma, exaggeration: style.exaggeration, isPlain: style.isPlain, ramp: rampOf(style) })
    showLegend(style, layer, panel.stretch.range())
  }

  /** Take the statistics of what is in view, as far as it is there. */
  function measure() {
    if (style.mode === "picture") return
    const parts = layerMap.partsInView(drawnBands(style))
    if (parts.length === 0) return
    panel.stretch.take(drawnBands(style).map((band) => statisticsOf(parts, band, style)))
    look()
  }

  function chooseTiles() {
    const level = part("level").value
    layerMap.showTiles(level === "" ? null : Number(level), part("format").value)
    draw()
  }

  function keep() {
    const values = parametersOf(style, first)
    if (!isWhole) values.at = [...view.getCenter().map((value) => value.toFixed(grid.digits + 2)), Number(view.getResolution().toPrecision(9))].join(",")
    if (part("level").value !== "") values.level = part("level").value
    if (part("format").selectedIndex > 0) values.format = part("format").value
    if (part("borders").checked) values.borders = "on"
    if (openTab !== "style") values.tab = openTab
    replaceParameters(values)
  }

  for (const name of ["level", "format"]) part(name).addEventListener("change", chooseTiles)
  part("borders").addEventListener("change", () => {
    setBorders(layerMap, part("borders").checked)
    keep()
  })
  onClick("borders-button", () => {
    part("borders").checked = !part("borders").checked
    part("borders").dispatchEvent(new Event("change"))
  })
  onClick("in", () => layerMap.zoomBy(2))
  onClick("out", () => layerMap.zoomBy(0.5))
  onClick("whole", () => {
    isWhole = true
    layerMap.showWhole()
  })
  onClick("full", () => layerMap.showFull())
  onClick("retry", () => layerMap.retry())
  onClick("share", (event) => copyLink(event.currentTarget))
  document.addEventListener("tab", keep)
  window.addEventListener("hashchange", () => location.reload()) // the link to another view was pasted here

  map.on("loadstart", () => target.setAttribute("aria-busy", "true"))
  map.on("rendercomplete", () => {
    if (isStale) measure()
    isStale = false
    target.setAttribute("aria-busy", "false")
  })
  map.on("movestart", () => (isWhole = false))
  map.on("moveend", () => {
    isStale = true
    map.render()
    keep()
  })
  replies.addEventListener("change", () => tellFailures(replies.failures))
  let isFirst = true
  replies.addEventListener("change", () => isFirst && setTimeout(() => isStale && measure(), 50))
  map.once("rendercomplete", () => (isFirst = false))

  const place = placeFrom(parameters)
  if (place) {
    isWhole = false
    view.setCenter(place.slice(0, 2))
    view.setResolution(place[2])
  } else layerMap.showWhole()
  chooseTiles()
  map.once("moveend", () => {
    if (!place) isWhole = true
    keep()
  })
  setBorders(layerMap, part("borders").checked)
  for (const element of document.querySelectorAll("[data-with-map]")) element.hidden = false
}

function rampOf(style) {
  rampOf.cache ??= new Map()
  const key = `${style.ramp} ${style.isReversed}`
  if (!rampOf.cache.has(key)) rampOf.cache.set(key, colorsOf(style.ramp, style.isReversed))
  return rampOf.cache.get(key)
}

function setControls({ level, format, borders, tab }) {
  const has = (select, value) => [...select.options].some((option) => option.value === value)
  if (has(part("level"), level)) part("level").value = level
  if (has(part("format"), format)) part("format").value = format
  part("borders").checked = borders === "on"
  if (tab) {
    openTab = tab
    chooseTab(tab)
  }
}

function setBorders(layerMap, hasBorders) {
  layerMap.setBorders(hasBorders)
  part("borders-button").setAttribute("aria-pressed", String(hasBorders))
}

function offerLevels({ grid: { levels } }) {
  for (const { number, width, height } of [...levels].reverse())
    part("level").add(new Option(`Level ${number}: ${width} × ${height}`, String(number)))
  const formats = [...new Set(levels.flatMap((level) => level.formats))]
  const hasMask = levels.some((level) => level.hasMask)
  const withMask = hasMask ? ["auto", "png"] : []
  for (const format of formats)
    part("format").add(new Option(withMask.includes(format) ? `${format} with mask` : format, format))
  part("format").closest("label").hidden = formats.length < 2
}

/** Show the value, the place and the tile under the pointer, or in the middle of the map. */
function followPointer(layerMap, style, replies) {
  const { map, view, grid } = layerMap
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
    return sentenceOf(tile, facts.coordinates, part("value").textContent)
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
  const texts = [stored.length ? `stored ${stored.join(", ")}` : "", ...rest.map(({ label, text }) => `${label} ${text}`)]
  part("other-values").textContent = texts.filter(Boolean).join(" · ")
}

function valueNode({ label, text }) {
  const node = document.createElement("span")
  if (label) node.append(Object.assign(document.createElement("small"), { textContent: `${label} ` }))
  node.append(text)
  return node
}

/** One line on the map for all tiles that failed. */
function tellFailures(failures) {
  const count = failures.size
  if (count === 0) return tell("")
  const [cause] = failures.values()
  tell(`${count === 1 ? "A tile" : `${count} tiles`} could not be loaded: ${cause}`)
}

function tell(text) {
  part("message-text").textContent = text
  part("message").hidden = text === ""
}

async function copyLink(button) {
  const nodes = [...button.childNodes]
  try {
    await navigator.clipboard.writeText(location.href)
    button.textContent = "Copied"
  } catch {
    button.textContent = "Copy it from the address bar"
  }
  setTimeout(() => button.replaceChildren(...nodes), SHOWN_MS)
}
