// The controls of tiles: level, format of pictures, borders.
const part = (name) => document.querySelector(`[data-map="${name}"]`)

export class TileControls {
  #layerMap

  /**
   * @param {LayerMap} layerMap
   * @param {object} parameters of the URL: level, format, borders
   * @param {function} changed is called after each change of them
   */
  constructor(layerMap, { level, format, borders }, changed) {
    this.#layerMap = layerMap
    this.#offer(layerMap.grid.levels)
    for (const [name, value] of Object.entries({ level, format })) {
      if ([...part(name).options].some((option) => option.value === value)) part(name).value = value
      part(name).addEventListener("change", () => {
        this.show()
        changed()
      })
    }
    part("borders").checked = borders === "on"
    part("borders").addEventListener("change", () => {
      this.#showBorders()
      changed()
    })
    part("borders-button").addEventListener("click", () => {
      part("borders").checked = !part("borders").checked
      part("borders").dispatchEvent(new Event("change"))
    })
  }

  /** Show the tiles that are chosen. */
  show() {
    const level = part("level").value
    this.#layerMap.showTiles(level === "" ? null : Number(level), part("format").value)
    this.#showBorders()
  }

  /** The parameters of the URL for what is chosen. */
  get parameters() {
    const level = part("level").value
    return {
      ...(level !== "" && { level }),
      ...(part("format").selectedIndex > 0 && { format: part("format").value }),
      ...(part("borders").checked && { borders: "on" }),
    }
  }

  #showBorders() {
    const hasBorders = part("borders").checked
    this.#layerMap.setBorders(hasBorders)
    part("borders-button").setAttribute("aria-pressed", String(hasBorders))
  }

  #offer(levels) {
    for (const { number, width, height } of [...levels].reverse())
      part("level").add(new Option(`Level ${number}: ${width} × ${height}`, String(number)))
    const formats = [...new Set(levels.flatMap((level) => level.formats))]
    const withMask = levels.some((level) => level.hasMask) ? ["auto", "png"] : []
    for (const format of formats) part("format").add(new Option(withMask.includes(format) ? `${format} with mask` : format, format))
    part("format").closest("label").hidden = formats.length < 2
  }
}
