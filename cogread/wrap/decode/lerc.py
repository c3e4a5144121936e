"""LERC tiles -> samples. Loads numpy and imagecodecs.

Headers are read here first, so that a tile of another size is refused before anything is decoded. A stream holds one
blob for each band; libtiff makes the samples of a pixel the "depth" of one band, except where they have masks of their
own. As in libtiff, a LERC mask means an alpha band of bytes, or NaN (tif_lerc.c, `LERCPreDecode`).
Layout of headers: Esri/lerc, src/LercLib/Lerc2.cpp, `ReadHeader`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.tiff.colors import UNASSOCIATED_ALPHA
from cogread.wrap.decode.decompressors import inflate, unzstd
from cogread.wrap.stored import LERC_DEFLATE, LERC_PLAIN, LERC_ZSTD, lerc_packing

_MAGIC: Final = b"Lerc2 "
_VERSIONS: Final = range(1, 7)
_HEADER_BYTES: Final = 50
"""Size of version 1's, the shortest."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Values of the header of a band."""

    height: int
    width: int
    depth: int
    """Samples of a pixel."""
    valid: int
    """Number of pixels that are not masked out."""
    size_bytes: int


def decode(image: Image, stored: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Decode a plane to (tile height, tile width, samples).

    Raises:
        TileDamaged: the headers state another size.
        RuntimeError, ValueError: the decoder fails.
    """
    stream = _unpacked(image, stored)
    blobs = tuple(_blobs(stream))
    samples, size = image.plane_samples, (image.tile_height, image.tile_width)
    shapes = {(blob.height, blob.width, blob.depth) for blob in blobs}
    depths = [samples, samples - 1] if _may_have_alpha_as_mask(image) else [samples]
    if len(blobs) == 1 and shapes <= {(*size, depth) for depth in depths}:
        return _one_blob(image, stream, blobs[0], dtype)
    if len(blobs) == samples and shapes == {(*size, 1)}:
        return _blob_a_sample(stream, blobs, dtype)
    raise TileDamaged(
        f"LERC tile of {len(blobs)} bands of (height, width, depth) {sorted(shapes)}, wanted {(*size, samples)}"
    )


def _one_blob(image: Image, stream: bytes, blob: Blob, dtype: np.dtype[Any]) -> NDArray[Any]:
    shape = (blob.height, blob.width, blob.depth)
    values, valid = _decode(stream, np.zeros(shape if blob.depth > 1 else shape[:2], dtype), is_masked=_is_masked(blob))
    values = values.reshape(shape)
    if blob.depth < image.plane_samples:
        return np.dstack((values, valid * np.uint8(255)))
    if dtype.kind == "f":
        values[~valid] = np.nan
    return values


def _blob_a_sample(stream: bytes, blobs: tuple[Blob, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    canvas = np.zeros((len(blobs), blobs[0].height, blobs[0].width), dtype)
    values, valid = _decode(stream, canvas, is_masked=any(map(_is_masked, blobs)))
    if dtype.kind == "f":
        values[~np.broadcast_to(valid, values.shape)] = np.nan
    return np.moveaxis(values, 0, -1)


def _decode(stream: bytes, canvas: NDArray[Any], *, is_masked: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Decode to samples and the mask of valid pixels."""
    if is_masked:
        return imagecodecs.lerc_decode(stream, masks=True, out=canvas)
    return imagecodecs.lerc_decode(stream, out=canvas), np.ones(canvas.shape[:2], np.bool_)


def _is_masked(blob: Blob) -> bool:
    return blob.valid < blob.height * blob.width


def _may_have_alpha_as_mask(image: Image) -> bool:
    return image.dtype == "uint8" and image.plane_samples > 1 and image.extra_samples[-1:] == (UNASSOCIATED_ALPHA,)


def _unpacked(image: Image, stored: bytes) -> bytes:
    """Undo the codec around the stream."""
    limit = 2 * image.tile_bytes + 4096  # libtiff's streams have at most 4/3 of the samples' size
    packing = lerc_packing(image)
    if packing == LERC_DEFLATE:
        return inflate(stored, limit)
    if packing == LERC_ZSTD:
        return unzstd(stored, limit)
    if packing != LERC_PLAIN:
        raise TileDamaged(f"LERC tile with LercParameters {packing}, wanted 0, 1 or 2")
    return stored


def _blobs(stream: bytes) -> Iterator[Blob]:
    at = 0
    while at < len(stream):
        blob = _blob(stream, at)
        if not _HEADER_BYTES <= blob.size_bytes <= len(stream) - at:
            raise TileDamaged(f"LERC blob of {blob.size_bytes} bytes at byte {at} of a stream of {len(stream)}")
        yield blob
        at += blob.size_bytes


def _blob(stream: bytes, at: int) -> Blob:
    if not stream.startswith(_MAGIC, at) or len(stream) - at < _HEADER_BYTES:
        raise TileDamaged(f"LERC tile: wanted a header at byte {at} of {len(stream)}", stream[at : at + 6])
    (version,) = struct.unpack_from("<i", stream, at + 6)
    if version not in _VERSIONS:
        raise TileDamaged(f"LERC tile of version {version}, wanted 1 to {_VERSIONS[-1]}")
    at += 14 if version >= 3 else 10  # since 3 there is a checksum
    if version >= 4:
        height, width, depth, valid, _, size = struct.unpack_from("<6i", stream, at)
        return Blob(height, width, depth, valid, size)
    height, width, valid, _, size = struct.unpack_from("<5i", stream, at)
    return Blob(height, width, 1, valid, size)
