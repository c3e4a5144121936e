"""GDAL's view of tiles: which are stored, what is in them, and what is in a file that was dumped."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window


def open_quietly(path: Path, level: int = 0) -> DatasetReader:
    """Open a level; a picture without georeferencing is no reason for a warning here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path) if level == 0 else rasterio.open(path, OVERVIEW_LEVEL=level - 1)


def channels(dataset: DatasetReader) -> tuple[list[int], int | None]:
    """Bands that a picture shows as grey or as red, green and blue, and its opacity; by GDAL's names, from 0."""
    names = [color.name for color in dataset.colorinterp]
    rgb = [band for name in ("red", "green", "blue") for band, other in enumerate(names) if other == name]
    grey = [band for band, name in enumerate(names) if name in ("gray", "palette")]
    alpha = names.index("alpha") if "alpha" in names else None
    only = [band for band in range(len(names)) if band != alpha][:1]
    return rgb if len(rgb) == 3 else grey or only, alpha


def decode(data: bytes) -> NDArray[Any]:
    """The pixels of a picture, (bands, height, width)."""
    with warnings.catch_warnings(), MemoryFile(data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as picture:
            return picture.read()  # type: ignore[no-any-return]  # rasterio has no types


_LUMINANCE: Final = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue (JFIF 1.02)."""


def is_same_jpeg(shown: NDArray[Any], wanted: NDArray[Any]) -> bool:
    """Compare pixels of a JPEG, (bands, …) in their stored order, as two decoders show them.

    IJG's libjpeg, which rasterio 1.4 brings, scales chroma of half the resolution by the cosine transform,
    libjpeg-turbo by interpolation. The luminance is the same by both, except where a colour is cut to its range.
    """
    difference = shown.astype(int) - wanted
    if len(shown) != 3:
        return not difference.any()
    is_uncut = ((shown > 0) & (shown < 255) & (wanted > 0) & (wanted < 255)).all(axis=0)
    luminance = np.abs(np.tensordot(_LUMINANCE, difference[:, is_uncut], 1))
    return bool((luminance < 1.1).all() and np.abs(difference).sum() <= 10 * difference.size)


def levels(path: Path) -> int:
    """Count the levels of a file."""
    with open_quietly(path) as dataset:
        return 1 + len(dataset.overviews(1))


def grid(path: Path, level: int) -> tuple[int, int]:
    """(columns, rows) of tiles."""
    with open_quietly(path, level) as dataset:
        height, width = dataset.block_shapes[0]
        return -(-dataset.width // width), -(-dataset.height // height)


def stored_tiles(path: Path, level: int) -> Iterator[tuple[int, int]]:
    """(col, row) of the tiles that are not sparse."""
    columns, rows = grid(path, level)
    with open_quietly(path) as dataset:
        overview = {} if level == 0 else {"ovr": level - 1}
        for row in range(rows):
            for col in range(columns):
                if dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=1, **overview):
                    yield col, row


def block(path: Path, level: int, col: int, row: int) -> NDArray[Any]:
    """The pixels of a tile, as far as it lies within the image, (bands, height, width)."""
    with open_quietly(path, level) as dataset:
        height, width = dataset.block_shapes[0]
        wanted = Window(col * width, row * height, width, height)
        inside = wanted.intersection(Window(0, 0, dataset.width, dataset.height))
        return dataset.read(window=inside)  # type: ignore[no-any-return]  # rasterio has no types
