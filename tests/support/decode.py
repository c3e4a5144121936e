"""GDAL's decoders, which know nothing of the code under test."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window


def decoded(picture: bytes) -> NDArray[Any]:
    """Pixels (bands, height, width) of a JPEG or WebP file."""
    with warnings.catch_warnings(), MemoryFile(picture) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as dataset:
            return np.asarray(dataset.read())


def block(dataset: DatasetReader, col: int, row: int) -> NDArray[Any]:
    """Pixels (bands, height, width) of a tile, without what lies outside of the image."""
    height, width = dataset.block_shapes[0]
    left, top = col * width, row * height
    window = Window(left, top, min(width, dataset.width - left), min(height, dataset.height - top))
    return np.asarray(dataset.read(window=window))
