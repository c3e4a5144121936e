"""Representations by file extension."""

from cogread.image import Cog, Image
from cogread.wrap.base import Wrapper, Wrapping
from cogread.wrap.jpeg import JPEG
from cogread.wrap.webp import WEBP

WRAPPERS: dict[str, Wrapper] = {"jpg": JPEG, "webp": WEBP}
"""Extension -> representation, the preferred one of a tile first."""


def offered(image: Image) -> list[Wrapper]:
    """The representations in which the tiles of an image can be had."""
    return [wrapper for wrapper in WRAPPERS.values() if wrapper.why_not(image) is None]


def refusals(cog: Cog) -> dict[str, str | None]:
    """For each extension: None if some level offers it, else why the full resolution does not."""
    return {
        extension: None
        if any(wrapper.why_not(level.image) is None for level in cog.levels)
        else wrapper.why_not(cog.full)
        for extension, wrapper in WRAPPERS.items()
    }


__all__ = ["WRAPPERS", "Wrapper", "Wrapping", "offered", "refusals"]
