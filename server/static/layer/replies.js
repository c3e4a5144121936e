// Requests of tiles: each is tried again after a failure that may pass, and the replies are kept for the facts on the page.

const WAITS_MS = [400, 1500]
const LONGEST_WAIT_MS = 4000
const MAY_PASS = [429, 500, 502, 503, 504]

export class Replies extends EventTarget {
  /** URL -> {status, bytes, ms}; status 0: no reply. */
  #replies = new Map()
  #places = new Map() // whole URL -> whence the bytes came
  #failures = new Map()

  constructor() {
    super()
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#places.set(entry.name, placeOf(entry))
      this.#changed()
    })
    observer.observe({ type: "resource", buffered: true })
  }

  /** {status, bytes, ms, from} of the last reply, or null; from: whence the bytes came, once the browser has told. */
  of(url) {
    const reply = this.#replies.get(url)
    return reply ? { ...reply, from: this.#places.get(new URL(url, location).href) ?? null } : null
  }

  /** URL -> cause, of the tiles that failed. */
  get failures() {
    return this.#failures
  }

  /** Forget the failures, so that their tiles are asked for again. */
  forget() {
    this.#failures.clear()
    this.#changed()
  }

  /**
   * @return {Promise<{reply: Response, body: ArrayBuffer} | null>} null: the file does not store the tile
   * @throws {Error} after the last attempt
   */
  async get(url, signal) {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(url, signal)
      if (!outcome.detail) {
        this.#failures.delete(url)
        this.#changed()
        return outcome.body ? outcome : null
      }
      if (attempt < WAITS_MS.length && outcome.mayPass && !signal?.aborted) {
        await pause(Math.min(LONGEST_WAIT_MS, Math.max(WAITS_MS[attempt], outcome.retryAfterMs)))
        continue
      }
      if (!signal?.aborted) this.fail(url, outcome.detail)
      throw new Error(outcome.detail)
    }
  }

  /** Note that a tile cannot be shown. */
  fail(url, detail) {
    this.#failures.set(url, detail)
    this.#changed()
  }

  async #attempt(url, signal) {
    const start = performance.now()
    try {
      const reply = await fetch(url, { signal })
      const body = await reply.arrayBuffer()
      const ms = performance.now() - start
      const { status } = reply
      this.#replies.set(url, { status, bytes: sizeOf(url, reply, body), ms })
      if (reply.ok && status !== 204) return { reply, body }
      const problem = reply.ok ? null : problemOf(body)
      if (status === 204 || (status === 404 && body.byteLength === 0)) return {} // a sparse tile
      const retryAfterMs = 1000 * (Number(reply.headers.get("Retry-After")) || 0)
      return { detail: `${status} ${problem?.detail ?? reply.statusText}`, mayPass: MAY_PASS.includes(status), retryAfterMs }
    } catch (error) {
      if (!signal?.aborted) this.#replies.set(url, { status: 0, bytes: 0, ms: performance.now() - start })
      return { detail: error.message || "no reply", mayPass: true, retryAfterMs: 0 }
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"))
  }
}

/** Bytes on the wire, which the browser states for a reply of the same origin; else the length of the content. */
function sizeOf(url, reply, body) {
  const length = Number(reply.headers.get("Content-Length"))
  return length || body.byteLength
}

const HEADERS_BYTES = 300 // that the browser states for a transfer, whatever it was (Resource Timing §4.4)

/** Whence the bytes of a reply came; null: the browser does not tell, as of a server that does not allow it. */
function placeOf({ transferSize, encodedBodySize }) {
  if (encodedBodySize === 0) return null
  if (transferSize === 0) return "the browser’s cache"
  return transferSize < encodedBodySize + HEADERS_BYTES ? "the browser’s cache, confirmed by the server" : "the server"
}

function problemOf(body) {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return null
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
