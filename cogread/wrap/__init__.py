"""Representations by file extension."""

from collections.abc import Callable, Sequence

from cogread.image import Level
from cogread.refusal import Refusal
from cogread.wrap.bin import SAMPLES
from cogread.wrap.jpeg import JPEG
from cogread.wrap.png.file import transparent_png, transparent_webp
from cogread.wrap.png.wrapper import PNG
from cogread.wrap.tiff import BARE_TIFF, TIFF, WHOLE_TIFF
from cogread.wrap.webp import WEBP
from cogread.wrap.wrapper import USUAL, Options, Wrapper, Wrapping

WRAPPERS: dict[str, Wrapper] = {wrapper.extension: wrapper for wrapper in (JPEG, WEBP, PNG, TIFF, SAMPLES)}
"""Extension -> representation, the preferred one of a tile first."""

UNLISTED: dict[str, Wrapper] = {wrapper.extension: wrapper for wrapper in (BARE_TIFF, WHOLE_TIFF)}
"""Representations that serve one kind of client, which is told of them: no list names them."""

EMPTY_TILES: dict[str, Callable[[int, int], bytes]] = {"png": transparent_png, "webp": transparent_webp}
"""Extension -> what makes a picture of (width, height) pixels that shows nothing, where the format has transparency."""


def offered(level: Level) -> list[Wrapper]:
    """The representations in which the tiles of a level can be had."""
    return [wrapper for wrapper in WRAPPERS.values() if wrapper.refusal(level) is None]


def refusals(levels: Sequence[Level]) -> dict[str, Refusal | None]:
    """For each extension: None if some level offers it, else why the first does not."""
    return {
        extension: None if any(wrapper.refusal(level) is None for level in levels) else wrapper.refusal(levels[0])
        for extension, wrapper in WRAPPERS.items()
    }


__all__ = ["EMPTY_TILES", "UNLISTED", "USUAL", "WRAPPERS", "Options", "Wrapper", "Wrapping", "offered", "refusals"]
