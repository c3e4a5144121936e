"""What a representation is: the bytes that a client opens, made from the bytes that are stored.

A wrapping never decodes. `why_not` is asked once per layer and level, `wrap` for every tile.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cogread.image import Image


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
    prepare: Callable[[Image], Callable[[bytes], bytes]]
    """For an image that can: a function stored bytes -> representation, with all that is the same for each tile done.

    The function raises TileDamaged when the bytes are not a tile.
    """
