"""What a representation is: the bytes that a client opens, made from the bytes that are stored.

`refusal` is asked once for each level, `prepare` does what is the same for all of its tiles, `wrap` makes one tile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cogread.image import Cog, Image, Level
from cogread.refusal import Refusal
from cogread.tiff.parse import Steps
from cogread.wrap.channels import misnamed_bands
from cogread.wrap.tile import Tile


class Options(NamedTuple):
    """What a client may choose of a representation."""

    plane: int = 0
    """Which plane, where a representation holds one."""
    is_identity: bool = False
    """Without content coding."""
    is_plain: bool = False
    """Without predictor."""

    @property
    def suffix(self) -> str:
        """What tells these options from others in an ETag; nothing for the usual ones."""
        return "" if self == USUAL else f"-{self.plane}{'i' if self.is_identity else ''}{'p' if self.is_plain else ''}"


USUAL = Options()


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A representation of the tiles of one level, with all done that is the same for each tile."""

    wrap: Callable[[Tile], bytes]
    """Makes the representation; raises TileDamaged when the stored bytes are not a tile."""
    added_bytes: int | None
    """How much longer it is than what is stored, so that a HEAD reads no tile; None: not known beforehand."""
    planes: tuple[int, ...] = (0,)
    """The planes that `wrap` wants, in the order in which it wants them."""
    wants_mask: bool = False
    """Whether `wrap` wants the mask's tile."""
    headers: tuple[tuple[str, str], ...] = ()
    """What a reply says of it beside its media type."""
    work_bytes: int = 0
    """Most memory that `wrap` takes where it decodes, beside the stored bytes; 0: it does not, and makes one copy."""
    wrap_again: Callable[[bytes], bytes] | None = None
    """The same as `wrap` for a tile of one stream, and no mask, that it took before: without checking it again. None:
    there is no faster way, or there are more streams."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One representation of tiles."""

    extension: str
    """As in URLs and file names, without the dot."""
    media_type: str
    revision: int
    """Counted up whenever the same stored bytes give other output, so that ETags change."""
    refusal: Callable[[Level], Refusal | None]
    """The reason why a level's tiles are not offered in this format; None where they are."""
    prepare: Callable[[Cog, Level, Options], Steps[Wrapping]]
    """For a level that can be had so; asks for values that were not loaded with the header, and raises FormatError when
    what its tiles share is damaged."""
    coding_of: Callable[[Level], str] | None = None
    """The content coding of the representation (RFC 9110 §8.4.1), of one whose `Options` make a difference."""


@dataclass(frozen=True, slots=True)
class StreamWrapping:
    """A representation of one stored stream, which holds a whole tile."""

    wrap: Callable[[bytes], bytes]
    """Makes the representation; raises TileDamaged when the stored bytes are not a tile."""
    added_bytes: int
    """As of `Wrapping`."""
    wrap_again: Callable[[bytes], bytes] | None = None
    """As of `Wrapping`."""


def stream_wrapper(
    extension: str,
    media_type: str,
    *,
    revision: int,
    refusal: Callable[[Image], Refusal | None],
    prepare: Callable[[Image], StreamWrapping],
) -> Wrapper:
    """A representation that is made of the one stream of a pixel-interleaved tile, whatever its mask.

    Not of pictures whose colours are others than GDAL takes them for.
    """

    def prepare_level(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
        yield from ()
        stream = prepare(level.image)
        return Wrapping(
            lambda tile: stream.wrap(tile.planes[0] or b""),
            stream.added_bytes,
            wrap_again=stream.wrap_again,
        )

    def refusal_of_level(level: Level) -> Refusal | None:
        return refusal(level.image) or misnamed_bands(level)

    return Wrapper(extension, media_type, revision, refusal_of_level, prepare_level)
