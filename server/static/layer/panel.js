// The panel of a layer without a map: its tabs.
import { tabsOf } from "./tabs.js"

for (const list of document.querySelectorAll("[data-tabs]")) tabsOf(list)
