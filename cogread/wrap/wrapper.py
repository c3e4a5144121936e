"""Formats of tiles: a `Wrapper` makes files that clients open from stored bytes.

`refusal` checks a level once, `prepare` does the work that all tiles of a level share, `wrap` makes one tile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from cogread.image import Cog, Image, Level
from cogread.refusal import Refusal
from cogread.tiff.parse import Steps
from cogread.wrap.channels import misnamed_bands
from cogread.wrap.tile import Tile


class Kind(Enum):
    """The clients of a format."""

    PICTURE = "picture"
    """Browsers show it."""
    RASTER = "raster"
    """GIS clients read it."""
    SAMPLES = "samples"
    """Programs read it by the header fields of the reply; it does not describe itself."""


class Heights(NamedTuple):
    """A layer's choices for terrain."""

    empty_m: float = 0.0
    """Height of pixels without one, in metres."""
    unit_m: float = 1.0
    """Size in metres of the unit of the band's numbers."""

    @property
    def variant(self) -> str:
        """The part of ETags that stands for them; empty for the usual ones."""
        return "" if self == Heights() else f"-h{self.empty_m!r}u{self.unit_m!r}"


class Options(NamedTuple):
    """Choices within a format: those of the client, and those of the layer for terrain."""

    band: int | None = None
    """The one band that the client wants, from 0; None: those that a stored tile has, of separate bands the first."""
    is_plain: bool = False
    """Without predictor."""
    codings: tuple[str, ...] = ()
    """Content codings that the client takes, the preferred one first."""
    heights: Heights = Heights()


USUAL = Options()

Pieces = tuple[bytes | memoryview, ...]
"""A file as pieces, one after the other, so that its longest piece need not be copied."""


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A format prepared for the tiles of one level."""

    wrap: Callable[[Tile], bytes]
    """Makes the file; raises TileDamaged where the stored bytes are not a tile."""
    added_bytes: int | None
    """Size of the file less that of the stored bytes, so that a HEAD reads no tile; None: unknown before it is made."""
    planes: tuple[int, ...] = (0,)
    """The planes that `wrap` takes, in its order."""
    wants_mask: bool = False
    """`wrap` takes the mask's tile."""
    headers: tuple[tuple[str, str], ...] = ()
    """Header fields of the reply beside Content-Type."""
    work_bytes: int = 0
    """Peak memory of `wrap` beside the stored bytes where it decodes; 0: it makes one copy without decoding."""
    variant: str = ""
    """Part of ETags that distinguishes the results of different `Options`."""
    wrap_again: Callable[[bytes], bytes] | None = None
    """Makes the file of one stream without mask that `wrap` accepted before, skipping its checks; None: use `wrap`."""
    pieces: Callable[[Tile], Pieces] | None = None
    """Makes the file without copying the stored bytes; None: use `wrap`."""
    is_kept: bool = False
    """The tiers keep the file, since making it costs more than reading it there."""
    draws_sparse: bool = False
    """`wrap` draws tiles of which nothing is stored."""
    media_type: str = ""
    """Media type of the file; empty: that of the wrapper."""
    choose: "Callable[[Tile], Wrapping | None] | None" = None
    """Chooses the wrapping of a tile by its place and its mask, in a format that has several for a level. It gets no
    planes, and returns None where no pixel is visible; raises TileDamaged for the mask. None: this wrapping is the only
    one."""

    def form(self, tile: Tile) -> "Wrapping | None":
        """Choose the wrapping of a tile; None: no pixel of it is visible. Raises TileDamaged for the mask."""
        return self if self.choose is None else self.choose(tile)

    def pieces_of(self, tile: Tile) -> Pieces:
        """Make the file of a tile; raises TileDamaged as `wrap`."""
        return (self.wrap(tile),) if self.pieces is None else self.pieces(tile)


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A format of tiles."""

    extension: str
    """File extension in URLs, without the dot; of terrain with its query; empty: the URL has none."""
    media_type: str
    kind: Kind
    revision: int
    """Part of ETags; count it up when the same stored bytes give other output."""
    refusal: Callable[[Level], Refusal | None]
    """The reason why a level's tiles are not offered in this format; None where they are."""
    prepare: Callable[[Cog, Level, Options], Steps[Wrapping]]
    """Prepares a level that is offered: asks for values that the header left out, and raises FormatError where the data
    that its tiles share is damaged."""
    transparent: Callable[[int, int], bytes] | None = None
    """Makes a transparent picture of (width, height) pixels."""
    is_for_masks: bool = True
    """Masks are offered in it as tiles of their own."""


@dataclass(frozen=True, slots=True)
class StreamWrapping:
    """A format prepared for tiles of one stream; the fields are those of `Wrapping`."""

    pieces: Callable[[bytes], Pieces]
    added_bytes: int
    wrap_again: Callable[[bytes], bytes] | None = None

    def wrap(self, stored: bytes) -> bytes:
        """See `Wrapping.wrap`."""
        return b"".join(self.pieces(stored))


def stream_wrapper(
    extension: str,
    media_type: str,
    *,
    revision: int,
    refusal: Callable[[Image], Refusal | None],
    prepare: Callable[[Image], StreamWrapping],
    transparent: Callable[[int, int], bytes] | None = None,
) -> Wrapper:
    """Make the wrapper of stored pictures: one stream of pixel-interleaved samples, without the mask.

    It refuses pictures that show other colours than GDAL reads.
    """

    def refusal_of_level(level: Level) -> Refusal | None:
        """See `Wrapper.refusal`."""
        return refusal(level.image) or misnamed_bands(level)

    def prepare_level(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
        """See `Wrapper.prepare`; reads nothing."""
        yield from ()
        stream = prepare(level.image)
        return Wrapping(
            lambda tile: stream.wrap(tile.planes[0] or b""),
            stream.added_bytes,
            wrap_again=stream.wrap_again,
            pieces=lambda tile: stream.pieces(tile.planes[0] or b""),
        )

    return Wrapper(
        extension,
        media_type,
        Kind.PICTURE,
        revision,
        refusal_of_level,
        prepare_level,
        transparent=transparent,
        is_for_masks=False,
    )
