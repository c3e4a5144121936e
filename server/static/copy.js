// Buttons that copy a line: data-copy is the id of the element with the line. Without scripts they stay hidden.
const SHOWN_MS = 2000

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false
  button.addEventListener("click", () => copy(button, document.getElementById(button.dataset.copy)))
}

async function copy(button, element) {
  const isCopied = await put(element)
  button.textContent = isCopied ? "Copied" : "Press Ctrl+C"
  document.querySelector("[data-copied]").textContent = isCopied ? "Copied" : "Selected, not copied: press Ctrl+C"
  setTimeout(() => (button.textContent = "Copy"), SHOWN_MS)
}

/** The clipboard API needs https or localhost; otherwise the text is selected and copied the old way. */
async function put(element) {
  try {
    await navigator.clipboard.writeText(element.textContent)
    return true
  } catch {
    getSelection().selectAllChildren(element)
    return document.execCommand("copy")
  }
}
