// The line on the map about what cannot be shown.
const part = (name) => document.querySelector(`[data-map="${name}"]`)

/** Show a text in the line, or no line for an empty text; with `isFinal`, another try is of no use. */
export function tell(text, isFinal = false) {
  part("message-text").textContent = text
  part("message").hidden = text === ""
  part("retry").hidden = isFinal
}

/** One line for all tiles that failed: URL -> cause. */
export function tellFailures(failures) {
  const [cause] = failures.values()
  tell(failures.size ? `${failures.size === 1 ? "A tile" : `${failures.size} tiles`} could not be loaded: ${cause}` : "")
}
