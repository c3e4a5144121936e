// Build ../static/openlayers from the npm package: `make pages`. What is built is committed, node_modules is not.
//
// The bundle's first line names what it was made of: the digest of SOURCES, and that of the code below the line, so that
// a test finds a bundle that is stale or was changed by hand without any npm.
import { createHash } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { build } from "esbuild"

const SOURCES = ["openlayers.js", "build.js", "package.json", "package-lock.json"]
const OUT = new URL("../static/openlayers/", import.meta.url)
const TARGET = ["es2022", "chrome109", "firefox115", "safari16"]

// Vector layers and reprojection: OpenLayers asks of layers and tiles whether they are of these classes. None here is, so
// an empty class answers as well, and a third of the bundle goes.
const UNUSED = /\/(layer\/BaseVector|reproj\/DataTile|reproj\/Tile)\.js$/
const withoutUnused = {
  name: "without-unused",
  setup: ({ onLoad }) => onLoad({ filter: UNUSED }, () => ({ contents: "export default class {}" })),
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex")
const read = (path) => readFile(new URL(path, import.meta.url), "utf8")
const manifest = async (name) => JSON.parse(await read(`node_modules/${name}/package.json`))
const common = { bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none", target: TARGET }

const script = await build({ ...common, entryPoints: ["openlayers.js"], format: "esm", metafile: true, plugins: [withoutUnused] })
const style = await build({ ...common, entryPoints: ["node_modules/ol/ol.css"] })
const code = script.outputFiles[0].text.trimEnd() + "\n"

const [output] = Object.values(script.metafile.outputs)
const bundled = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
const names = [...new Set(bundled.map(([path]) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean))].sort()
const packages = await Promise.all(names.map(manifest))
const made = packages.map(({ name, version }) => `${name} ${version}`).join(", ")
const sources = sha256(...(await Promise.all(SOURCES.map(read))))

const licence = async ({ name, version, license }) => {
  for (const file of ["LICENSE.md", "LICENSE", "LICENSE.txt"]) {
    const text = await read(`node_modules/${name}/${file}`).catch(() => undefined)
    if (text) return `${name} ${version} (${license})\n\n${text.trim()}\n`
  }
  throw new Error(`${name}: no licence file found`)
}
const licences = (await Promise.all(packages.map(licence))).join(`\n${"-".repeat(80)}\n\n`)

await mkdir(OUT, { recursive: true })
await writeFile(new URL("ol.js", OUT), `/* ${made}; see LICENSE.txt; sources ${sources}; code ${sha256(code)} */\n${code}`)
await writeFile(new URL("ol.css", OUT), style.outputFiles[0].text.trimEnd() + "\n")
await writeFile(new URL("LICENSE.txt", OUT), licences)
console.log(`${made}: ${code.length} bytes of script`)
