"""Headers of JPEG XL against the options by which libjxl wrote the streams."""

from typing import Any, Final

import imagecodecs
import numpy as np
import pytest

from cogread.errors import TileDamaged
from cogread.jxl_stream import CONTAINER, read_header
from tests.support.jxl import LINEAR, PQ, SRGB, with_transfer

SIZES: Final = ((128, 128), (64, 96), (37, 53), (8, 16), (256, 512), (1000, 3))
WAYS: Final[tuple[dict[str, Any], ...]] = (
    {"lossless": True},
    {"distance": 1.5},
    {"lossless": True, "usecontainer": True},
)
DEPTHS: Final = {"uint8": (8, False), "uint16": (16, False), "float32": (32, True)}


def encoded(bands: int, dtype: str, *, size: tuple[int, int] = (64, 96), **options: Any) -> bytes:
    values = np.random.default_rng(bands).random((*size, bands)) * (1 if dtype == "float32" else 255)
    image = values.astype(dtype)
    return bytes(imagecodecs.jpegxl_encode(image[..., 0] if bands == 1 else image, effort=1, **options))


@pytest.mark.parametrize("way", WAYS, ids=["lossless", "lossy", "container"])
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_headers_tell_size_channels_and_bits(bands: int, dtype: str, way: dict[str, Any]) -> None:
    for height, width in SIZES:
        header = read_header(encoded(bands, dtype, size=(height, width), **way))
        assert (header.width, header.height) == (width, height)
        assert (header.bits, header.is_float) == DEPTHS[dtype]
        assert (header.colors, header.extra) == (3 if bands > 2 else 1, 1 - bands % 2)
        assert header.has_straight_alpha == (bands % 2 == 0)


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize("way", WAYS[:2], ids=["lossless", "lossy"])
def test_headers_tell_srgb_from_other_colours(bands: int, way: dict[str, Any]) -> None:
    assert read_header(encoded(bands, "uint8", **way)).is_srgb
    for transfer in (LINEAR, SRGB, PQ):
        stream = with_transfer(encoded(bands, "uint16", **way), transfer)
        assert read_header(stream).is_srgb == (transfer == SRGB)


def test_repacked_jpegs_are_read_like_others() -> None:
    grey = imagecodecs.jpeg8_encode(np.zeros((48, 80), "u1"))
    assert read_header(bytes(imagecodecs.jpegxl_encode_jpeg(grey)))[:5] == (80, 48, 8, False, 1)


def test_a_codestream_in_parts_behind_other_boxes_is_found() -> None:
    stream = encoded(3, "uint16", lossless=True)
    if stream.startswith(CONTAINER):
        stream = stream[stream.index(b"\xff\x0a") :]
    boxes = CONTAINER + b"\0\0\0\x0cjunk\1\2\3\4" + b"\0\0\0\1jxlp" + (20 + len(stream)).to_bytes(8, "big")
    assert read_header(boxes + bytes(4) + stream).width == 96


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xff\x0a",
        b"\xff\x0a\x00",
        b"\xff\xd8\xff\xe0" + bytes(40),
        CONTAINER,
        CONTAINER + b"\0\0\0\0junk" + bytes(40),
        CONTAINER + b"\0\0\0\x03junk" + bytes(40),
        CONTAINER + b"\0\0\0\1junk" + bytes(40),
        CONTAINER + b"\0\0\0\x10jxlc" + bytes(8),
    ],
)
def test_other_bytes_are_damage(stored: bytes) -> None:
    with pytest.raises(TileDamaged, match="JPEG XL tile"):
        read_header(stored)


def test_cut_headers_are_damage() -> None:
    stream = encoded(4, "uint16", lossless=True)
    start = stream.index(b"\xff\x0a")
    for size in range(2, 7):
        with pytest.raises(TileDamaged, match="cut off"):
            read_header(stream[start : start + size])
    assert read_header(stream[start : start + 100]) == read_header(stream)
