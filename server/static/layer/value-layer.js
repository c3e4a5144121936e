// OpenLayers' WebGL layer for tiles of samples, with a shader of its own: a change of style changes uniforms alone.
import { BaseTileLayer, DataTileSource, WebGLTileLayerRenderer } from "../openlayers/ol.js"
import { ScreenGrid } from "./screen-grid.js"
import { neighboursOf, textureOf } from "./texture.js"

const MODES = { values: 0, hillshade: 1, bands: 2 }
const CACHED_TEXTURES = 96

const VERTEX = `
attribute vec2 a_textureCoord;
uniform mat4 u_tileTransform;
uniform float u_texturePixelWidth, u_texturePixelHeight, u_textureResolution, u_depth;
varying vec2 v_place, v_mapPlace;
void main() {
  v_place = a_textureCoord;
  v_mapPlace = vec2(u_texturePixelWidth, -u_texturePixelHeight) * u_textureResolution * v_place;
  gl_Position = u_tileTransform * vec4(a_textureCoord, u_depth, 1.0);
}`

// Horn's hillshade as gdaldem has it, 1 to 255; over colours it darkens and lightens them around that of flat ground.
const FRAGMENT = `
#ifdef GL_FRAGMENT_PRECISION_HIGH
precision highp float;
#else
precision mediump float;
#endif
varying vec2 v_place, v_mapPlace;
uniform vec4 u_renderExtent;
uniform float u_transitionAlpha, u_mode, u_gamma, u_sharp, u_exaggeration, u_plain;
uniform vec2 u_size, u_sun;
uniform vec3 u_low, u_high;
uniform sampler2D u_tileTextures[1];
uniform sampler2D u_ramp;

vec4 texel(vec2 at) {
  return texture2D(u_tileTextures[0], (clamp(at, vec2(0.0), u_size - 1.0) + 0.5) / u_size);
}
vec4 weighted(vec2 at, float weight) {
  vec4 value = texel(at);
  return weight * value.a * vec4(value.rgb, 1.0);
}
vec4 sampleAt(vec2 place) {
  if (u_sharp > 0.5) return texel(floor(place * u_size));
  vec2 at = place * u_size - 0.5;
  vec2 first = floor(at), part = at - first;
  vec4 sum = weighted(first, (1.0 - part.x) * (1.0 - part.y)) + weighted(first + vec2(1.0, 0.0), part.x * (1.0 - part.y))
    + weighted(first + vec2(0.0, 1.0), (1.0 - part.x) * part.y) + weighted(first + vec2(1.0, 1.0), part.x * part.y);
  return sum.a > 0.0 ? vec4(sum.rgb / sum.a, sum.a) : vec4(0.0);
}
vec3 stretched(vec3 value) {
  vec3 part = clamp((value - u_low) / max(u_high - u_low, vec3(1e-30)), 0.0, 1.0);
  return u_gamma == 1.0 ? part : pow(part, vec3(1.0 / u_gamma));
}
vec3 shaded(vec3 color, vec2 slope) {
  vec2 rise = slope * u_exaggeration;
  float light = (sin(u_sun.y) - cos(u_sun.y) * (rise.y * cos(u_sun.x) + rise.x * sin(u_sun.x))) / sqrt(1.0 + dot(rise, rise));
  if (u_plain > 0.5) return vec3((1.0 + 254.0 * max(light, 0.0)) / 255.0);
  float relative = max(light, 0.0) / sin(u_sun.y);
  return relative < 1.0 ? color * mix(0.3, 1.0, relative) : mix(color, vec3(1.0), min(1.0, relative - 1.0));
}
void main() {
  if (v_mapPlace.x < u_renderExtent.x || v_mapPlace.y < u_renderExtent.y
    || v_mapPlace.x > u_renderExtent.z || v_mapPlace.y > u_renderExtent.w) discard;
  vec4 value = sampleAt(v_place);
  vec3 color = stretched(value.rgb);
  if (u_mode < 1.5) {
    color = texture2D(u_ramp, vec2((color.r * 255.0 + 0.5) / 256.0, 0.5)).rgb;
    if (u_mode > 0.5) color = shaded(color, value.gb);
  }
  gl_FragColor = vec4(color * value.a, value.a) * u_transitionAlpha;
}`

class Renderer extends WebGLTileLayerRenderer {
  renderTile(texture, ...rest) {
    this.helper.setUniformFloatVec2("u_size", texture.tile.getSize())
    super.renderTile(texture, ...rest)
  }
}

/** The colours of a ramp as a texture, in the form of OpenLayers' PaletteTexture but with colours that change. */
class RampTexture {
  name = "u_ramp"
  #textures = new Map()
  #colors = new Uint8Array(256 * 4).fill(255)

  set colors(colors) {
    this.#colors = colors
    this.#textures.forEach((state) => (state.isStale = true))
  }

  getTexture(gl) {
    if (!this.#textures.has(gl)) this.#textures.set(gl, { texture: gl.createTexture(), isStale: true })
    const state = this.#textures.get(gl)
    if (state.isStale) {
      const bound = gl.getParameter(gl.TEXTURE_BINDING_2D) // the tile's: OpenLayers asks for the ramp with that unit active
      gl.bindTexture(gl.TEXTURE_2D, state.texture)
      for (const name of ["WRAP_S", "WRAP_T"]) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], gl.CLAMP_TO_EDGE)
      for (const name of ["MIN", "MAG"]) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}_FILTER`], gl.NEAREST)
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.#colors)
      gl.bindTexture(gl.TEXTURE_2D, bound)
      state.isStale = false
    }
    return state.texture
  }

  delete(gl) {
    gl.deleteTexture(this.#textures.get(gl)?.texture ?? null)
    this.#textures.delete(gl)
  }
}

/** Properties are OpenLayers' of a tile layer; `look` is what the shader draws with. */
export class ValueLayer extends BaseTileLayer {
  #ramp = new RampTexture()
  #look = { mode: "values", low: [0, 0, 0], high: [1, 1, 1], gamma: 1, exaggeration: 1, sun: [315, 45], isPlain: false }

  /** Change some of: mode, low and high (of 3 channels), gamma, exaggeration, sun (degrees), ramp (256 RGBA), isPlain. */
  setLook(changes) {
    if (changes.ramp && changes.ramp !== this.#look.ramp) this.#ramp.colors = changes.ramp
    Object.assign(this.#look, changes)
    this.changed()
  }

  createRenderer() {
    const look = this.#look
    const radians = (degrees) => (degrees * Math.PI) / 180
    return new Renderer(this, {
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      cacheSize: CACHED_TEXTURES,
      paletteTextures: [this.#ramp],
      uniforms: {
        u_mode: () => MODES[look.mode],
        u_low: () => look.low,
        u_high: () => look.high,
        u_gamma: () => look.gamma,
        u_exaggeration: () => look.exaggeration,
        u_sun: () => look.sun.map(radians),
        u_plain: () => Number(look.isPlain),
        u_sharp: ({ viewState, pixelRatio }) => Number(this.getSource().isSharp(viewState.resolution / pixelRatio)),
      },
    })
  }
}

/** The source of that layer: textures of the tiles of some levels. */
export class ValueSource extends DataTileSource {
  #tiles
  #drawing = null
  #attempt = 0

  /**
   * @param {object} grid of grid.js
   * @param {SampleTiles} tiles
   * @param {object} options projection; transition: ms
   */
  constructor(grid, tiles, { projection, transition }) {
    const { levels } = tiles
    super({
      projection,
      transition,
      wrapX: false,
      tileGrid: new ScreenGrid(grid, levels),
      loader: (z, col, row) => this.#texture(z, col, row),
    })
    this.setTileSizes(levels.map((level) => level.dataSize))
    this.levels = levels
    this.#tiles = tiles
  }

  /** @param {object} drawing mode, bands, nodata, mask, metresPerUnit, metresPerValue: what a texture depends on */
  draw(drawing) {
    this.#drawing = drawing
    this.setKey(JSON.stringify([drawing, this.#attempt]))
  }

  /** Load the tiles again that failed. */
  retry() {
    this.#attempt++
    this.draw(this.#drawing)
  }

  /** Do not interpolate if an image pixel is as large as a device pixel or larger. */
  isSharp(resolution) {
    return resolution <= this.levels.at(-1).resolution * 1.001
  }

  async #texture(z, col, row) {
    const drawing = this.#drawing
    const level = this.levels[z]
    const { bands } = drawing
    try {
      const tile = await this.#tiles.load(z, col, row, bands)
      const places = drawing.mode === "hillshade" ? neighboursOf(level, col, row) : []
      const neighbours = await Promise.all(
        places.map(async ([dx, dy]) => {
          const other = await this.#tiles.load(z, col + dx, row + dy, bands).catch(() => null)
          return { tile: other, dx, dy }
        }),
      )
      return textureOf(tile, drawing, neighbours)
    } catch {
      return new Float32Array(4 * level.dataSize[0] * level.dataSize[1]) // the page tells of the failure
    }
  }
}
