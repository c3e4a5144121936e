// The list follows the search field as it is typed into. The server searches: without scripts the form does the same.

const WAIT_MS = 150

const part = (name, root = document) => root.querySelector(`[data-list=${name}]`)
const form = part("form")
const field = form.elements.q
let timer
let request = new AbortController()

field.addEventListener("input", () => {
  clearTimeout(timer)
  timer = setTimeout(search, WAIT_MS)
})
form.addEventListener("submit", (event) => {
  event.preventDefault()
  clearTimeout(timer)
  search()
})
addEventListener("pageshow", () => {
  if (field.value !== field.defaultValue) search() // browsers restore the text of the field at 'back'
})

async function search() {
  request.abort()
  request = new AbortController()
  const url = urlOf(form)
  try {
    const reply = await fetch(url, { headers: { Accept: "text/html" }, signal: request.signal })
    if (!reply.ok) throw new Error(reply.statusText)
    show(new DOMParser().parseFromString(await reply.text(), "text/html"))
    if (new URL(url).origin === location.origin) history.replaceState(null, "", url)
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url) // the browser shows what is wrong
  }
}

function urlOf(form) {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()))
  return query.size ? `${form.action}?${query}` : form.action
}

/** Replace all that depends on the query; the form stays, so that the field keeps the focus. */
function show(page) {
  document.title = page.title
  part("content").replaceWith(document.adoptNode(part("content", page)))
  part("status").textContent = part("status", page).textContent
  document.querySelector(".views").replaceWith(document.adoptNode(page.querySelector(".views")))
  field.defaultValue = part("form", page).elements.q.value
  document.dispatchEvent(new Event("list"))
}
