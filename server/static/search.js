// Search in the list of layers: each word has to be in the name or the title. Without scripts the list is whole.
const box = document.querySelector("[data-search-box]")
const cards = [...document.querySelectorAll("[data-search]")]
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()

if (box) {
  const input = box.querySelector("input")
  const texts = cards.map((card) => plain(card.dataset.search))
  const search = () => {
    const words = plain(input.value).split(/\s+/)
    let found = 0
    cards.forEach((card, at) => {
      card.hidden = !words.every((word) => texts[at].includes(word))
      found += !card.hidden
    })
    box.querySelector("[role=status]").textContent = input.value ? `${found} of ${cards.length} layers` : ""
  }
  box.hidden = false
  input.addEventListener("input", search)
  search() // a browser that goes back fills the field again
}
