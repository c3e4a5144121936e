"""Undoes what TIFF does to samples before compressing them. Loads numpy.

Every row stands for itself, and within it each sample of a pixel has its own row of differences.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cogread.image import Image
from cogread.wrap.decode.support import PREDICTOR_FLOATING, PREDICTOR_HORIZONTAL, plane_samples, predictor


def undo(image: Image, data: bytes) -> bytes:
    """The samples of a plane in the file's byte order, from decompressed bytes as they are stored.

    Args:
        image: one that `undecodable` accepts.
        data: image.tile_bytes bytes.
    """
    kind = predictor(image)
    if kind == PREDICTOR_HORIZONTAL:
        return _undo_horizontal(image, data).tobytes()
    if kind == PREDICTOR_FLOATING:
        return _undo_floating(image, data).tobytes()
    return data


def _undo_horizontal(image: Image, data: bytes) -> NDArray[Any]:
    """Differences of neighbours, as unsigned integers of the file's byte order, even of floats (TIFF 6.0 §14)."""
    kind = f"u{image.bits // 8}"
    shape = (image.tile_height, image.tile_width, plane_samples(image))
    stored = np.frombuffer(data, f"{image.directory.order}{kind}").reshape(shape)
    return np.cumsum(stored, axis=1, dtype=kind).astype(stored.dtype, copy=False)


def _undo_floating(image: Image, data: bytes) -> NDArray[Any]:
    """Differences of bytes; a row has first all most significant bytes, whatever the file's order (TechNote 3)."""
    samples, width = plane_samples(image), image.bits // 8
    stored = np.frombuffer(data, "u1").reshape(image.tile_height, -1, samples)
    planes = np.cumsum(stored, axis=1, dtype="u1").reshape(image.tile_height, width, -1)
    if image.directory.order == "<":
        planes = planes[:, ::-1]
    return planes.transpose(0, 2, 1)
