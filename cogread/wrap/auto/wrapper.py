"""Tiles -> the lightest picture of each that loses nothing and hides what is hidden.

Levels of stored pictures have them sent as they are, where all of a tile is visible. Where the mask hides a part of it,
or it sticks out over the right or lower edge of the image, a picture with alpha is made: WebP keeps the stored bits of
its colours, others are compressed anew without loss. No picture is made of a tile that is hidden as a whole. Levels
without stored pictures have PNGs. The decoders are loaded with the first mask or hidden pixel.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Final

from cogread.image import Cog, Level
from cogread.refusal import Refusal
from cogread.tiff.parse import Steps
from cogread.tiff.tags import Compression
from cogread.wrap.decode.support import undecodable
from cogread.wrap.png.wrapper import PNG, picture_refusal, refusal_of_level_mask
from cogread.wrap.tile import Tile, is_inside
from cogread.wrap.webp import WEBP
from cogread.wrap.wrapper import Kind, Options, Wrapper, Wrapping

_CUT_OUT: Final = "cogread.wrap.auto.cut_out"
_VISIBLE: Final = "cogread.wrap.decode.visible"

_MOST_PIXELS: Final = 1 << 20
"""Bound of tiles that are compressed as WebP, for the memory and the time that it takes; larger ones are PNGs."""
_MOST_WEBP_PIXELS: Final = 1 << 22
"""The same of WebP tiles, most of which keep their colours."""
_MOST_SIDE: Final = 16383
"""Bound of the sides of a WebP of VP8 (RFC 6386 §9.1)."""
_WORK_BYTES: Final = 40
"""Peak memory of decoding and compressing a pixel; measured."""
_LOOK_BYTES: Final = 4
"""The same of a pixel of a mask."""


def auto_wrapper(extension: str, media_type: str, wholes: Sequence[Wrapper], cuts: Sequence[Wrapper]) -> Wrapper:
    """Make a wrapper that chooses the form of each tile.

    Args:
        extension: see `Wrapper`.
        media_type: see `Wrapper`; a reply has the media type of its form.
        wholes: formats of tiles of which all is visible, by rank: stored pictures, or PNG for all tiles of a level.
        cuts: formats of tiles of stored pictures of which a part is visible, by rank.
    """

    def refusal(level: Level) -> Refusal | None:
        """See `Wrapper.refusal`."""
        whole = _first(wholes, level)
        if whole is None:
            return picture_refusal(level) or wholes[-1].refusal(level)
        return cuts[-1].refusal(level) if _cut(whole, cuts, level) is None and hides(level) else None

    def prepare(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
        """Prepare the forms of whole tiles and of others."""
        whole = _first(wholes, level) or wholes[-1]
        cut = _cut(whole, cuts, level)
        shown = yield from _prepared(whole, cog, level, options)
        part = shown if cut is None else (yield from _prepared(cut, cog, level, options))
        if cut is None and hides(level):
            return shown
        return _choice(level, shown, part, (cut or cuts[0]).media_type)

    return Wrapper(extension, media_type, Kind.PICTURE, 1, refusal, prepare, is_for_masks=False)


def hides(level: Level) -> bool:
    """Check for tiles with pixels that may be hidden: there is a mask, or tiles stick out over the image."""
    image = level.image
    return level.mask is not None or image.width % image.tile_width > 0 or image.height % image.tile_height > 0


def _first(wrappers: Sequence[Wrapper], level: Level) -> Wrapper | None:
    return next((wrapper for wrapper in wrappers if wrapper.refusal(level) is None), None)


def _cut(whole: Wrapper, cuts: Sequence[Wrapper], level: Level) -> Wrapper | None:
    """Choose the format of tiles of which a part is visible; None: the level has none such, or no format."""
    return whole if whole is PNG else _first(cuts, level) if hides(level) else None


def _prepared(wrapper: Wrapper, cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    wrapping = yield from wrapper.prepare(cog, level, options)
    return replace(wrapping, media_type=wrapper.media_type)


def _choice(level: Level, whole: Wrapping, part: Wrapping, media_type: str) -> Wrapping:
    """Prepare the choice between two forms; `media_type` is that of a transparent tile."""

    hides_any = hides(level)

    def choose(tile: Tile) -> Wrapping | None:
        """The form of a tile; None: all of it is hidden."""
        if not hides_any:
            return whole
        if level.mask is None:
            return whole if is_inside(level.image, tile) else part
        form: Wrapping | None = import_module(_VISIBLE).by_visibility(level, tile, whole, part)
        return form

    def wrap(tile: Tile) -> bytes:
        return (choose(tile) or part).wrap(tile)

    look_bytes = 0 if level.mask is None else _LOOK_BYTES * level.image.tile_pixels
    return Wrapping(
        wrap,
        None,
        whole.planes,
        wants_mask=level.mask is not None,
        work_bytes=look_bytes,
        media_type=media_type,
        choose=choose,
    )


def _refusal_of_cut(level: Level) -> Refusal | None:
    image = level.image
    width, height = image.tile_size
    if image.bits != 8:
        return Refusal(f"WebP has no samples of {image.dtype}")
    most_pixels = _MOST_WEBP_PIXELS if image.compression == Compression.WEBP else _MOST_PIXELS
    if image.tile_pixels > most_pixels or max(width, height) > _MOST_SIDE:
        return Refusal(f"a tile of {width} × {height} pixels is too large to be compressed as WebP")
    return undecodable(image) or refusal_of_level_mask(level)


def _prepare_cut(cog: Cog, level: Level, options: Options) -> Steps[Wrapping]:
    yield from ()
    return Wrapping(
        lambda tile: import_module(_CUT_OUT).cut_out(level, tile),
        None,
        wants_mask=level.mask is not None,
        work_bytes=_WORK_BYTES * level.image.tile_pixels,
        is_kept=True,
    )


CUT_WEBP: Final = replace(WEBP, refusal=_refusal_of_cut, prepare=_prepare_cut)
"""Stored pictures of which a part is visible, as WebP."""
CUT_PNG: Final = replace(PNG, refusal=picture_refusal)
"""The same as PNG."""
