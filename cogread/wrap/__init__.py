"""Formats of tiles by file extension."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cogread.image import Level
from cogread.refusal import Refusal
from cogread.wrap.auto.wrapper import CUT_PNG, CUT_WEBP, auto_wrapper, hides
from cogread.wrap.bin.wrapper import CODINGS, SAMPLES
from cogread.wrap.jpeg import JPEG
from cogread.wrap.jxl.wrapper import JXL, JXL_WITH_REPACKED
from cogread.wrap.png.terrain import TERRAIN
from cogread.wrap.png.wrapper import PNG
from cogread.wrap.tiff.wrapper import BARE_TIFF, TIFF, WHOLE_TIFF
from cogread.wrap.webp import WEBP
from cogread.wrap.wrapper import USUAL, Heights, Kind, Options, Wrapper, Wrapping

WRAPPERS: dict[str, Wrapper] = {wrapper.extension: wrapper for wrapper in (JPEG, WEBP, PNG, JXL, TIFF, SAMPLES)}
"""Extension -> format, by rank: first pictures that all clients show, as they are stored or encoded anew, then those
that new browsers show, then files that few clients show."""

WITH_REPACKED: dict[str, Wrapper] = WRAPPERS | {JXL.extension: JXL_WITH_REPACKED}
"""The same where JPEG tiles are repacked as JPEG XL."""

AUTO: Final = auto_wrapper("", "image/*", (JPEG, WEBP, JXL, PNG), (CUT_WEBP, CUT_PNG))
"""The lightest picture of each tile that shows no hidden pixel, at the URL without an extension."""

JPEG_PNG: Final = auto_wrapper("jpegpng", "image/vnd.jpeg-png", (JPEG,), (CUT_PNG,))
"""The same for JPEG tiles in two formats alone, as clients of WMTS expect by this media type."""

CUT_OUT_WEBP: Final = replace(auto_wrapper("cutwebp", WEBP.media_type, (WEBP,), (CUT_WEBP,)), refusal=WEBP.refusal)
"""The same for WebP tiles, which stay WebP. Where their mask cannot be shown, it is `webp`."""

UNLISTED: dict[str, Wrapper] = {
    wrapper.extension: wrapper for wrapper in (AUTO, JPEG_PNG, CUT_OUT_WEBP, BARE_TIFF, WHOLE_TIFF)
}
"""Formats that documents name where they are wanted; lists of the formats of a layer do not."""

BY_NAME: dict[str, Wrapper] = WRAPPERS | UNLISTED | {wrapper.extension: wrapper for wrapper in TERRAIN.values()}
"""All formats; the names of terrain are no extensions that a URL can have."""

PICTURES: tuple[str, ...] = tuple(name for name, wrapper in WRAPPERS.items() if wrapper.kind is Kind.PICTURE)
"""Extensions of the formats that browsers show."""

FILES: tuple[str, ...] = tuple(name for name, wrapper in WRAPPERS.items() if wrapper.kind is not Kind.SAMPLES)
"""Extensions of the formats that describe themselves, so that a client needs nothing but the file."""

EMPTY_TILES: dict[str, Callable[[int, int], bytes]] = {
    wrapper.media_type: wrapper.transparent for wrapper in WRAPPERS.values() if wrapper.transparent is not None
}
"""Media type -> maker of a transparent picture of (width, height) pixels, where the format has transparency."""


def wrappers_of(level: Level, wrappers: Mapping[str, Wrapper] = WRAPPERS) -> list[Wrapper]:
    """List the formats in which the tiles of a level are offered."""
    return [wrapper for wrapper in wrappers.values() if wrapper.refusal(level) is None]


def refusals(levels: Sequence[Level], wrappers: Mapping[str, Wrapper] = WRAPPERS) -> dict[str, Refusal | None]:
    """Map each extension to None where some level offers it, else to the refusal of the first level."""
    return {
        extension: None if any(wrapper.refusal(level) is None for level in levels) else wrapper.refusal(levels[0])
        for extension, wrapper in wrappers.items()
    }


__all__ = [
    "AUTO",
    "BY_NAME",
    "CODINGS",
    "CUT_OUT_WEBP",
    "EMPTY_TILES",
    "FILES",
    "JPEG_PNG",
    "PICTURES",
    "TERRAIN",
    "USUAL",
    "WITH_REPACKED",
    "WRAPPERS",
    "Heights",
    "Kind",
    "Options",
    "Wrapper",
    "Wrapping",
    "hides",
    "refusals",
    "wrappers_of",
]
