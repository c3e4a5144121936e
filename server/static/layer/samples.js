// The body of a `bin` tile -> numbers: predictors are undone in the browser, so that the server sends stored bytes.
//
// The headers of the reply describe the body (docs/clients.md). Samples are little-endian, as typed arrays are on every
// machine that browsers run on.

const ARRAYS = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, u8: BigUint64Array,
  i1: Int8Array, i2: Int16Array, i4: Int32Array, i8: BigInt64Array,
  f4: Float32Array, f8: Float64Array, c8: Float32Array, c16: Float64Array,
}
const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }

/** The layout of a body, from the headers of its reply. */
export function layoutOf(headers) {
  const typestr = headers.get("Rawcog-Typestr")
  if (typestr === null) throw new Error("the reply does not describe its samples")
  const [height, width, bands, parts] = headers.get("Rawcog-Shape").split(",").map(Number)
  const type = typestr.slice(1)
  const isComplex = parts === 2 || type.startsWith("c")
  const size = Number(type.slice(1)) * (parts ?? 1)
  return { dtype: headers.get("Rawcog-Dtype"), type, isComplex, size, height, width, bands, predictor: Number(headers.get("Rawcog-Predictor")) }
}

/**
 * @param {ArrayBuffer} body
 * @param {object} layout of `layoutOf`
 * @return {{values: ArrayLike<number>, exact: ArrayLike, width: number, height: number, bands: number}} values: numbers
 *   for drawing, pixel by pixel, of complex ones the magnitude; exact: the same as they are stored, BigInt or [re, im]
 */
export function samplesOf(body, layout) {
  const { width, height, bands, type, size } = layout
  const wanted = width * height * bands * size
  if (body.byteLength !== wanted) throw new Error(`a tile of ${body.byteLength} bytes, wanted ${wanted}`)
  const numbers = typed(unpredicted(new Uint8Array(body), layout), type)
  const shape = { width, height, bands }
  if (layout.isComplex) {
    const exact = Array.from({ length: numbers.length / 2 }, (_, at) => [numbers[2 * at], numbers[2 * at + 1]])
    return { ...shape, exact, values: Float64Array.from(exact, ([re, im]) => Math.hypot(re, im)) }
  }
  const values = typeof numbers[0] === "bigint" ? Float64Array.from(numbers, Number) : numbers
  return { ...shape, values, exact: numbers }
}

const typed = ({ buffer }, type) => (type === "f2" ? Float32Array.from(new Uint16Array(buffer), float16) : new ARRAYS[type](buffer))

function unpredicted(bytes, layout) {
  if (layout.predictor === 1) return bytes
  if (layout.predictor === 2) return horizontalSums(bytes, layout)
  if (layout.predictor === 3) return floatingSums(bytes, layout)
  throw new Error(`predictor ${layout.predictor}, wanted 1, 2 or 3`)
}

/** Sum up the differences of neighbours in each row (TIFF 6.0 §14), as integers even for floats. */
function horizontalSums(bytes, { width, height, bands, size }) {
  if (size === 8) return sumsOf64Bits(bytes, width, height, bands)
  if (!(size in WORDS)) throw new Error(`horizontal differences of ${8 * size} bits`)
  const words = new WORDS[size](bytes.buffer)
  const length = width * bands
  for (let start = 0; start < words.length; start += length)
    for (let at = start + bands; at < start + length; at++) words[at] += words[at - bands]
  return bytes
}

/** The same in pairs of 32 bits, the lower one first. */
function sumsOf64Bits(bytes, width, height, bands) {
  const words = new Uint32Array(bytes.buffer)
  const length = 2 * width * bands
  for (let start = 0; start < words.length; start += length)
    for (let at = start + 2 * bands; at < start + length; at += 2) {
      const low = words[at] + words[at - 2 * bands]
      words[at] = low
      words[at + 1] += words[at + 1 - 2 * bands] + (low > 0xffffffff)
    }
  return bytes
}

/** Sum up the differences of bytes; a row has all most significant bytes first (TIFF Technical Note 3). */
function floatingSums(bytes, { width, bands, size }) {
  const count = width * bands
  const sums = new Uint8Array(bytes.length)
  for (let start = 0; start < bytes.length; start += count * size) {
    for (let at = start + bands; at < start + count * size; at++) bytes[at] += bytes[at - bands]
    for (let byte = 0; byte < size; byte++) {
      const from = start + byte * count
      for (let at = 0, to = start + size - 1 - byte; at < count; at++, to += size) sums[to] = bytes[from + at]
    }
  }
  return sums
}

function float16(word) {
  const sign = word & 0x8000 ? -1 : 1
  const exponent = (word >> 10) & 31
  const fraction = word & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024))
}

/**
 * The shortest decimal number that is the sample: 0.1 of a float32, not 0.10000000149011612.
 *
 * @param {number | bigint | number[]} sample one of `exact`
 * @param {string} dtype
 */
export function textOf(sample, dtype) {
  if (Array.isArray(sample)) return `${textOf(sample[0], "")} ${sample[1] < 0 ? "−" : "+"} ${textOf(Math.abs(sample[1]), "")}i`
  if (dtype !== "float32" || !Number.isFinite(sample)) return String(sample)
  for (let digits = 1; digits < 9; digits++) {
    const text = sample.toPrecision(digits)
    if (Math.fround(Number(text)) === sample) return String(Number(text))
  }
  return String(Number(sample.toPrecision(9)))
}
