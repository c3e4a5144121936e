// Search of layers: each word has to be in the name or the title. Without scripts, all layers are listed.
const box = document.querySelector("[data-search-box]")
const cards = [...document.querySelectorAll("[data-search]")]
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()

if (box) {
  const input = box.querySelector("input")
  const texts = cards.map((card) => plain(card.dataset.search))
  const search = () => {
    const words = plain(input.value).split(/\s+/)
    let matches = 0
    cards.forEach((card, at) => {
      card.hidden = !words.every((word) => texts[at].includes(word))
      matches += !card.hidden
    })
    box.querySelector("[role=status]").textContent = input.value ? `${matches} of ${cards.length} layers` : ""
  }
  box.hidden = false
  input.addEventListener("input", search)
  search() // browsers restore the text of the field at 'back'
}
