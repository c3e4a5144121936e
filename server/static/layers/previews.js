// The previews of the list: layers of values are drawn from samples once they are in view, and pictures are cropped to what
// they show, since aligned files are padded. Without scripts, values have their type in that place.
import { opaquePart } from "./opaque-part.js"

const MARGIN = "300px"
const MOST_PIXELS = 256 // of the longer side of the copy that tells where a picture is transparent
const LEAST_SIDE = 160 // pixels of the longer side of a cut picture; with less it comes from a finer level

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue
      observer.unobserve(target)
      if (target.dataset.values) drawValues(target)
      else cropPicture(target)
    }
  },
  { rootMargin: MARGIN },
)

const observe = () => document.querySelectorAll("[data-values], [data-crop]").forEach((box) => observer.observe(box))

/** Hide a tile that is not stored or cannot be loaded; without any, the type of the layer takes the place. */
function hide(image) {
  image.hidden = true
  const box = image.closest(".preview")
  if (!box || box.querySelector("img:not([hidden])")) return
  box.querySelector("svg").remove()
  box.querySelector(".kind").hidden = false
}
document.addEventListener("error", ({ target }) => target instanceof HTMLImageElement && hide(target), true)
document.addEventListener("list", observe)
for (const image of document.images) if (image.complete && image.naturalWidth === 0 && image.currentSrc) hide(image)
observe()

async function drawValues(box) {
  try {
    const { pictureOf } = await import("./values.js")
    const picture = await pictureOf(box.dataset.values)
    if (!picture) return
    picture.setAttribute("aria-hidden", "true")
    box.replaceChildren(picture)
  } catch {
    // the type stays: the page of the layer tells what is wrong
  }
}

async function cropPicture(box) {
  const svg = box.querySelector("svg")
  const images = [...(svg?.querySelectorAll("img") ?? [])]
  await Promise.all(images.map(loaded))
  if (!images.some((image) => image.naturalWidth)) return
  const { width, height } = svg.viewBox.baseVal
  const scale = MOST_PIXELS / Math.max(width, height)
  const canvas = new OffscreenCanvas(Math.ceil(width * scale), Math.ceil(height * scale))
  const context = canvas.getContext("2d", { willReadFrequently: true })
  for (const image of images) {
    if (image.naturalWidth === 0) continue
    const place = image.parentElement
    context.drawImage(image, ...["x", "y", "width", "height"].map((name) => place[name].baseVal.value * scale))
  }
  try {
    const part = opaquePart(context.getImageData(0, 0, canvas.width, canvas.height))?.map((value) => value / scale)
    if (!part) return
    svg.setAttribute("viewBox", part.join(" "))
    if (Math.max(part[2], part[3]) < LEAST_SIDE && box.dataset.crop) await sharpen(box, part, [width, height])
  } catch {
    // pictures of another origin cannot be read, and what is coarse stays
  }
}

async function sharpen(box, part, size) {
  const { partOf } = await import("./part.js")
  const picture = await partOf(box.dataset.crop, part.map((value, at) => value / size[at % 2]))
  if (!picture) return
  picture.setAttribute("aria-hidden", "true")
  box.replaceChildren(picture)
}

const loaded = (image) =>
  image.complete || new Promise((resolve) => ["load", "error"].forEach((name) => image.addEventListener(name, resolve)))
