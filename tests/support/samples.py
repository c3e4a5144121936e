"""A client of `bin` tiles: it undoes the content coding and the predictor by the header fields alone."""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]

CODINGS: Final = {"deflate": zlib.decompress, "zstd": lambda data: bytes(imagecodecs.zstd_decode(data)), None: bytes}
"""Content coding -> how a client undoes it."""


def numbers(body: bytes, fields: Mapping[str, str]) -> Samples:
    """Samples as (height, width, bands); parts of complex numbers are put together as `complex64`."""
    headers = {name.lower(): value for name, value in fields.items()}
    shape = tuple(map(int, headers["rawcog-shape"].split(",")))
    dtype = np.dtype(headers["rawcog-typestr"])
    assert dtype.itemsize == 1 or headers["rawcog-typestr"][0] == "<"
    assert headers["rawcog-byte-order"] == "little"
    data = np.frombuffer(CODINGS[headers.get("content-encoding")](body), np.uint8)
    samples = _without_predictor(data.reshape(shape[0], -1), dtype, shape, headers["rawcog-predictor"])
    if len(shape) == 3:
        assert np.dtype(headers["rawcog-dtype"]) == dtype
        return samples.reshape(shape)
    return samples.astype(np.float64).view(np.complex128).reshape(shape[:3])


def _without_predictor(
    rows: NDArray[np.uint8], dtype: np.dtype[Any], shape: tuple[int, ...], predictor: str
) -> Samples:
    """Undo a predictor of TIFF 6.0 §14 or of TIFF Technical Note 3, in rows of bytes."""
    if predictor == "1":
        return rows.reshape(-1).view(dtype).reshape(shape)
    width, bands = shape[1], shape[2]
    size_bytes = dtype.itemsize * (shape[3] if len(shape) > 3 else 1)
    if predictor == "2":
        differences = rows.view(f"<u{size_bytes}").reshape(shape[0], width, bands)
        return np.cumsum(differences, axis=1, dtype=differences.dtype).reshape(-1).view(dtype).reshape(shape)
    assert predictor == "3"
    planes = np.cumsum(rows.reshape(shape[0], -1, bands), axis=1, dtype=np.uint8)
    planes = planes.reshape(shape[0], size_bytes, width * bands)[:, ::-1]  # the last plane has the least significant
    return np.ascontiguousarray(planes.transpose(0, 2, 1)).reshape(-1).view(dtype).reshape(shape)
