// Tabs as ARIA describes them: arrows move between them. Without scripts all panels are shown, one below the other.

/**
 * @param {HTMLElement} list with role=tablist; each tab names its panel with aria-controls
 * @param {function} chosen is called with the tab's data-tab
 * @return {function} chooses a tab by its data-tab
 */
export function tabsOf(list, chosen = () => {}) {
  const tabs = [...list.querySelectorAll("[role=tab]")]
  const choose = (name, isByUser) => {
    const tab = tabs.find((tab) => tab.dataset.tab === name) ?? tabs[0]
    for (const each of tabs) {
      each.setAttribute("aria-selected", String(each === tab))
      each.tabIndex = each === tab ? 0 : -1
      document.getElementById(each.getAttribute("aria-controls")).toggleAttribute("data-open", each === tab)
    }
    if (isByUser) chosen(tab.dataset.tab)
  }
  list.addEventListener("click", ({ target }) => target.closest("[role=tab]") && choose(target.closest("[role=tab]").dataset.tab, true))
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = tabs.indexOf(document.activeElement) + step
    const tab = Number.isFinite(at) ? tabs.at(at % tabs.length) : tabs.at(step > 0 ? -1 : 0)
    tab.focus()
    choose(tab.dataset.tab, true)
  })
  choose(tabs[0].dataset.tab, false)
  return (name) => choose(name, false)
}
