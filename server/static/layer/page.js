// The page of a layer: its map, its panel, and the view in the URL. templates/layer.html has the elements.
import { tell, tellFailures } from "./failures.js"
import { gridOf } from "./grid.js"
import { LayerMap } from "./layer-map.js"
import { showLegend } from "./legend.js"
import { followPointer } from "./pointer.js"
import { colorsOf, RAMPS } from "./ramps.js"
import { Replies } from "./replies.js"
import { statisticsOf } from "./statistics.js"
import { drawnBands, firstStyle, modesOf } from "./style.js"
import { StylePanel } from "./style-panel.js"
import { tabsOf } from "./tabs.js"
import { TileControls } from "./tile-controls.js"
import { parametersNow, parametersOf, placeFrom, replaceParameters, styleFrom } from "./view-url.js"

const SHOWN_MS = 2000

const part = (name) => document.querySelector(`[data-map="${name}"]`)
const target = part("map")
const onClick = (name, act) => part(name).addEventListener("click", act)

let openTab = "style"
const chooseTab = tabsOf(document.querySelector("[data-tabs=panel]"), (name) => {
  openTab = name
  document.dispatchEvent(new Event("tab"))
})
tabsOf(document.querySelector("[data-tabs=clients]"))

start().catch((error) => {
  target.removeAttribute("aria-busy")
  tell(`The map cannot be shown: ${error.message}`, true)
  for (const name of ["style", "tiles"]) document.getElementById(`tab-${name}`).hidden = true
  chooseTab("use")
})

async function start() {
  const reply = await fetch(target.dataset.layer, { headers: { Accept: "application/json" } })
  const layer = await reply.json()
  if (!reply.ok) throw new Error(layer.detail)
  showConfirmed(reply.headers.get("Rawcog-Confirmed"))
  const grid = gridOf(layer)
  const reason = reasonAgainstValues(grid)
  const modes = modesOf(layer, grid).filter((mode) => mode === "picture" || !reason)
  if (modes.length === 0) throw new Error(`${reason} The programs under Use show them.`)
  await hasSize(target)
  show(layer, grid, modes)
}

/** Why the values of these tiles cannot be drawn here; null: they can. */
function reasonAgainstValues({ levels }) {
  const context = document.createElement("canvas").getContext("webgl")
  if (!context?.getExtension("OES_texture_float")) return "this browser has no WebGL, which draws values."
  const largest = context.getParameter(context.MAX_TEXTURE_SIZE)
  const level = levels.find(({ hasSamples, dataSize }) => hasSamples && Math.max(...dataSize) > largest)
  return level ? `its tiles have ${level.dataSize.join(" × ")} pixels, and this device draws up to ${largest} × ${largest}.` : null
}

/** Tell when the server last heard from the origin that this is the file's version. */
function showConfirmed(date) {
  const format = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" })
  part("confirmed-box").hidden = date === null
  if (date !== null) part("confirmed").textContent = format.format(new Date(date))
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
  const tiles = new TileControls(layerMap, parameters, draw)
  if (parameters.tab) {
    openTab = parameters.tab
    chooseTab(openTab)
  }
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
    showLegend(style, layer, ranges)
  }

  /** Take the statistics of what is in view, as far as it is there. */
  function measure() {
    if (style.mode === "picture") return
    const parts = layerMap.partsInView(drawnBands(style))
    if (parts.length === 0) return
    panel.stretch.take(drawnBands(style).map((band) => statisticsOf(parts, band, style)))
    look()
  }

  function keep() {
    const values = { ...parametersOf(style, first), ...tiles.parameters }
    if (!isWhole) values.at = [...view.getCenter().map((value) => value.toFixed(grid.digits + 2)), Number(view.getResolution().toPrecision(9))].join(",")
    if (openTab !== "style") values.tab = openTab
    replaceParameters(values)
  }

  onClick("in", () => layerMap.zoomBy(2))
  onClick("out", () => layerMap.zoomBy(0.5))
  onClick("whole", () => {
    isWhole = true
    layerMap.showWhole()
  })
  onClick("full", () => layerMap.showFull())
  onClick("retry", () => layerMap.retry())
  onClick("share", (event) => copyLink(event.currentTarget))
  document.addEventListener("tab", () => {
    keep()
    readout.refresh()
  })
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
  tiles.show()
  draw()
  map.once("moveend", () => {
    if (!place) isWhole = true
    keep()
  })
  for (const element of document.querySelectorAll("[data-with-map]")) element.hidden = false
}

function rampOf(style) {
  rampOf.cache ??= new Map()
  const key = `${style.ramp} ${style.isReversed}`
  if (!rampOf.cache.has(key)) rampOf.cache.set(key, colorsOf(style.ramp, style.isReversed))
  return rampOf.cache.get(key)
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
