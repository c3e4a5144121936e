// The part of a picture that is worth showing.

const LEAST_CUT = 0.06 // part of a side; less is not worth a cut

/** @return {number[] | null} left, top, width and height of what is not transparent; null: that is nearly all, or nothing */
export function opaquePart({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, 0, 0]
  for (let row = 0, at = 3; row < height; row++)
    for (let col = 0; col < width; col++, at += 4) {
      if (data[at] === 0) continue
      left = Math.min(left, col)
      right = Math.max(right, col + 1)
      top = Math.min(top, row)
      bottom = Math.max(bottom, row + 1)
    }
  const isCut = right - left < width * (1 - LEAST_CUT) || bottom - top < height * (1 - LEAST_CUT)
  return right > left && isCut ? [left, top, right - left, bottom - top] : null
}
