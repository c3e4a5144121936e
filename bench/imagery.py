"""The file that is served: made of real imagery, since synthetic tiles compress like nothing on earth."""

from pathlib import Path
from typing import Final

import numpy as np
import rasterio

PICTURE: Final = Path(__file__).parent.parent / "data/valley.tif"
TILES_A_SIDE: Final = 16
"""As many across as down, for COGDumper's sake: it multiplies the row by the tiles down, so that on any other grid it
would return other tiles than the rest."""

TILE_PIXELS: Final = 512
QUALITY: Final = 80
"""Makes tiles of about 44 kB."""


def make_cog(path: Path) -> None:
    """Write a COG of JPEG tiles (YCbCr) that all differ: an aerial photograph, repeated out of step with the tiles."""
    side = TILES_A_SIDE * TILE_PIXELS
    with rasterio.open(PICTURE) as dataset:
        picture, transform = dataset.read()[:, :701, :997], dataset.transform
    repeats = [-(-side // length) for length in picture.shape[1:]]
    profile = {"width": side, "height": side, "count": 3, "dtype": "uint8", "crs": "EPSG:3857", "transform": transform}
    codec = {"compress": "JPEG", "quality": QUALITY, "blocksize": TILE_PIXELS}
    with rasterio.open(path, "w", driver="COG", **profile, **codec) as dataset:
        dataset.write(np.tile(picture, (1, *repeats))[:, :side, :side])
