// Colour ramps: name -> colours at equal steps, from low to high. All are drawn by hand for these pages.
export const RAMPS = {
  Grey: ["#000000", "#ffffff"],
  Terrain: ["#26463c", "#3f6a42", "#7a9150", "#b3a968", "#be966e", "#b98a78", "#d9d2cf", "#f7f7fa"],
  Heat: ["#0b0724", "#4a1270", "#a02a63", "#e0553f", "#fb9a2c", "#fce98a"],
  Sea: ["#0a1d4a", "#17499a", "#2f87c4", "#71c3d6", "#c8ecdd", "#fbfbe6"],
  Green: ["#f6f3dc", "#c9dc9b", "#86bb6d", "#3f9150", "#12663f", "#05382b"],
  "Blue–red": ["#1c4f9c", "#5f93cb", "#b7d2e8", "#f4f4f2", "#f0bfa5", "#d4694f", "#96182b"],
  Rainbow: ["#3b2a8f", "#2f6fd0", "#2fb3b8", "#67c65b", "#d8d441", "#f29a36", "#d23b2c"],
}

const channels = (color) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))

/** 256 colours as red, green, blue, opacity. */
export function colorsOf(name, isReversed = false) {
  const stops = (isReversed ? [...RAMPS[name]].reverse() : RAMPS[name]).map(channels)
  const colors = new Uint8Array(256 * 4).fill(255)
  for (let at = 0; at < 256; at++) {
    const place = (at / 255) * (stops.length - 1)
    const first = Math.min(Math.floor(place), stops.length - 2)
    for (let channel = 0; channel < 3; channel++)
      colors[4 * at + channel] = Math.round(stops[first][channel] + (place - first) * (stops[first + 1][channel] - stops[first][channel]))
  }
  return colors
}

/** The same as a CSS gradient from left to right. */
export const gradientOf = (name, isReversed = false) =>
  `linear-gradient(90deg, ${(isReversed ? [...RAMPS[name]].reverse() : RAMPS[name]).join(", ")})`
