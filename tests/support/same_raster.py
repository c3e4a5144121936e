"""In what a raster differs from the file that it stands for, as GDAL reads both."""

import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.windows import Window

_FACTS: Final = (
    "count", "width", "height", "dtypes", "transform", "crs", "gcps", "nodatavals", "mask_flag_enums", "colorinterp",
    "scales", "offsets", "units", "descriptions",
)  # fmt: skip
_OF_OVERVIEWS: Final = ("count", "width", "height", "dtypes", "transform", "crs", "nodatavals", "mask_flag_enums")
MOST_PIXELS: Final = 1 << 22
"""Bound of a level that is compared as a whole; of larger ones two corners are."""


def differences(url: str, path: str) -> Iterator[str]:
    """Facts and pixels of all levels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(url) as actual, rasterio.open(path) as wanted:
            yield from _facts(actual, wanted, _FACTS)
            yield from _tags(actual, wanted)
            yield from _pixels(actual, wanted)
            overviews = [wanted.overviews(band) for band in wanted.indexes]
            if [actual.overviews(band) for band in actual.indexes] != overviews:
                yield f"overviews {actual.overviews(1)}, wanted {overviews[0]}"
                return
            is_placed = not wanted.transform.is_identity
        # Of an overview without a transform, GDAL before 3.11 tells what lay in memory.
        names = tuple(name for name in _OF_OVERVIEWS if name != "transform" or is_placed)
        for level in range(len(overviews[0])):
            with (
                rasterio.open(url, OVERVIEW_LEVEL=level) as actual,
                rasterio.open(path, OVERVIEW_LEVEL=level) as wanted,
            ):
                of_level = [*_facts(actual, wanted, names), *_alpha(actual, wanted), *_pixels(actual, wanted)]
                yield from (f"overview {level}: {fault}" for fault in of_level)


def _facts(actual: DatasetReader, wanted: DatasetReader, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        told, right = _told(actual, name), _told(wanted, name)
        if told != right:
            yield f"{name} {told}, wanted {right}"


def _told(dataset: DatasetReader, name: str) -> Any:
    """A comparable form: ground control points and numbers as text, so that NaN equals itself."""
    value = getattr(dataset, name)
    if name == "dtypes":  # GDAL before 3.11 has no type for half floats, which are therefore told as float32
        return tuple(dtype.replace("float16", "float32") for dtype in value)
    if name == "gcps":
        return [point.asdict() for point in value[0]], value[1]
    return str(value) if name == "nodatavals" else value


def _tags(actual: DatasetReader, wanted: DatasetReader) -> Iterator[str]:
    for band in (0, *wanted.indexes):
        if actual.tags(band) != wanted.tags(band):
            yield f"tags of band {band}: {actual.tags(band)}, wanted {wanted.tags(band)}"
    for band in wanted.indexes:
        told, right = actual.tags(band, ns="IMAGE_STRUCTURE"), wanted.tags(band, ns="IMAGE_STRUCTURE")
        # Of floats the VRT states none, by which GDAL would round them; GDAL before 3.11 has 16 of half floats.
        if told.get("NBITS") != right.get("NBITS") and "float" not in wanted.dtypes[band - 1]:
            yield f"NBITS of band {band} {told}, wanted {right}"
        if ColorInterp.palette in wanted.colorinterp and actual.colormap(1) != wanted.colormap(1):
            yield "another palette"


def _alpha(actual: DatasetReader, wanted: DatasetReader) -> Iterator[str]:
    """An overview that is opened by itself has alpha only where the file's has."""
    if (ColorInterp.alpha in actual.colorinterp) != (ColorInterp.alpha in wanted.colorinterp):
        yield f"colours {actual.colorinterp}, wanted {wanted.colorinterp}"


def _pixels(actual: DatasetReader, wanted: DatasetReader) -> Iterator[str]:
    if (actual.width, actual.height, actual.count) != (wanted.width, wanted.height, wanted.count):
        return
    for window in _windows(wanted):
        told, right = actual.read(window=window), wanted.read(window=window)
        if not np.array_equal(told, right, equal_nan=right.dtype.kind in "fc"):
            yield f"{np.count_nonzero(told != right)} other pixels of {right.size} in {window}"
        if any(MaskFlags.all_valid not in flags for flags in wanted.mask_flag_enums):
            told, right = actual.read_masks(window=window), wanted.read_masks(window=window)
            if not np.array_equal(told, right):
                yield f"{np.count_nonzero(told != right)} other pixels of {right.size} in the masks"


def _windows(dataset: DatasetReader) -> list[Window]:
    width, height = dataset.width, dataset.height
    if width * height * dataset.count <= MOST_PIXELS:
        return [Window(0, 0, width, height)]
    side = (min(width, 500), min(height, 300))
    return [Window(0, 0, *side), Window(width - side[0], height - side[1], *side)]
