"""What a representation is: the bytes that a client opens, made from the bytes that are stored.

A wrapping never decodes. `why_not` is asked once per layer and level, `wrap` for every tile.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cogread.image import Image


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A representation of the tiles of one image, with all done that is the same for each tile."""

    wrap: Callable[[bytes], bytes]
    """Stored bytes -> representation; raises TileDamaged when they are not a tile."""
    added_bytes: int
    """How much longer the representation is than what is stored: a HEAD is answered without reading the tile."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One representation of tiles."""

    extension: str
    """As in URLs and file names, without the dot."""
    media_type: str
    revision: int
    """Counted up whenever the same stored bytes give other output, so that ETags change."""
    why_not: Callable[[Image], str | None]
    """None if the image's tiles can be had so, else the reason, fit to be shown."""
    prepare: Callable[[Image], "Wrapping"]
    """For an image that can be had so; raises FormatError when what its tiles share is damaged."""
