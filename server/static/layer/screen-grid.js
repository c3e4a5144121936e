// The tile grid of some levels of a layer.
import { TileGrid } from "../openlayers/ol.js"

/** Choose of two levels the one with pixels nearer in size to device pixels, which are finer than CSS pixels. */
const nearest = (resolution, coarse, fine) => resolution - Math.sqrt(coarse * fine)

export class ScreenGrid extends TileGrid {
  /**
   * @param {object} grid of grid.js
   * @param {object[]} levels coarse to fine
   */
  constructor({ extent }, levels) {
    super({
      origins: levels.map(() => [extent[0], extent[3]]), // of each: one for all is taken for a quadtree
      resolutions: levels.map((level) => level.resolution),
      tileSizes: levels.map((level) => level.tileSize),
      sizes: levels.map((level) => level.tiles),
    })
    this.levels = levels
  }

  getZForResolution(resolution) {
    return super.getZForResolution(resolution / window.devicePixelRatio, nearest)
  }

  /** The place of a coordinate: index of the level, column and row of the tile; null outside of all tiles. */
  placeAt(coordinate, resolution) {
    const [z, col, row] = this.getTileCoordForCoordAndZ(coordinate, this.getZForResolution(resolution))
    const [across, down] = this.levels[z].tiles
    return col < 0 || row < 0 || col >= across || row >= down ? null : { z, col, row }
  }
}
