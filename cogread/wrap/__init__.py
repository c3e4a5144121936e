"""Formats of tiles by file extension."""

from collections.abc import Callable, Sequence

from cogread.image import Level
from cogread.refusal import Refusal
from cogread.wrap.bin.wrapper import CODINGS, SAMPLES
from cogread.wrap.jpeg import JPEG
from cogread.wrap.png.terrain import TERRAIN
from cogread.wrap.png.wrapper import PNG
from cogread.wrap.tiff.wrapper import BARE_TIFF, TIFF, WHOLE_TIFF
from cogread.wrap.webp import WEBP
from cogread.wrap.wrapper import USUAL, Heights, Kind, Options, Wrapper, Wrapping

WRAPPERS: dict[str, Wrapper] = {wrapper.extension: wrapper for wrapper in (JPEG, WEBP, PNG, TIFF, SAMPLES)}
"""Extension -> format, by rank: first pictures sent as they are stored, then those that are encoded anew, then files
that few clients show."""

UNLISTED: dict[str, Wrapper] = {wrapper.extension: wrapper for wrapper in (BARE_TIFF, WHOLE_TIFF)}
"""Formats for one kind of client, whose documents name them; lists do not."""

BY_NAME: dict[str, Wrapper] = WRAPPERS | UNLISTED | {wrapper.extension: wrapper for wrapper in TERRAIN.values()}
"""All formats; the names of terrain are no extensions that a URL can have."""

PICTURES: tuple[str, ...] = tuple(name for name, wrapper in WRAPPERS.items() if wrapper.kind is Kind.PICTURE)
"""Extensions of the formats that browsers show."""

FILES: tuple[str, ...] = tuple(name for name, wrapper in WRAPPERS.items() if wrapper.kind is not Kind.SAMPLES)
"""Extensions of the formats that describe themselves, so that a client needs nothing but the file."""

WITH_OPTIONS: frozenset[str] = frozenset(name for name, wrapper in WRAPPERS.items() if wrapper.has_options)
"""Extensions of the formats that have `Options`."""

EMPTY_TILES: dict[str, Callable[[int, int], bytes]] = {
    name: wrapper.transparent for name, wrapper in WRAPPERS.items() if wrapper.transparent is not None
}
"""Extension -> maker of a transparent picture of (width, height) pixels, where the format has transparency."""


def wrappers_of(level: Level) -> list[Wrapper]:
    """List the formats in which the tiles of a level are offered."""
    return [wrapper for wrapper in WRAPPERS.values() if wrapper.refusal(level) is None]


def refusals(levels: Sequence[Level]) -> dict[str, Refusal | None]:
    """Map each extension to None where some level offers it, else to the refusal of the first level."""
    return {
        extension: None if any(wrapper.refusal(level) is None for level in levels) else wrapper.refusal(levels[0])
        for extension, wrapper in WRAPPERS.items()
    }


__all__ = [
    "BY_NAME",
    "CODINGS",
    "EMPTY_TILES",
    "FILES",
    "PICTURES",
    "TERRAIN",
    "USUAL",
    "WITH_OPTIONS",
    "WRAPPERS",
    "Heights",
    "Kind",
    "Options",
    "Wrapper",
    "Wrapping",
    "refusals",
    "wrappers_of",
]
