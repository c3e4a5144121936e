"""Formats in which documents offer the tiles of levels as pictures that show no hidden pixel."""

from collections.abc import Iterable, Sequence
from typing import Final

from cogread.wrap import AUTO, CUT_OUT_WEBP, FILES, JPEG_PNG, PICTURES, WRAPPERS, hides
from server.layers.layer_version import IMAGE, LayerVersion

CUT_OUT: Final = {"webp": CUT_OUT_WEBP.extension}
"""Format -> its variant without hidden pixels, of the same media type."""

MEDIA_TYPES: Final = {name: WRAPPERS[name].media_type for name in FILES} | {JPEG_PNG.extension: JPEG_PNG.media_type}
"""Extension -> media type of the formats of services whose URLs have an extension."""


def tiles_suffix(opened: LayerVersion, levels: Iterable[int]) -> str | None:
    """The end of the URLs of tiles that browsers show at all of some levels; None: they have no such form in common.

    It is empty, for auto, unless the mask of a level cannot be shown: then the levels have their stored form.
    """
    numbers = tuple(levels)
    if all(opened.refusal(number, AUTO) is None for number in numbers):
        return ""
    common = _common(opened, numbers)
    return next((f".{extension}" for extension in PICTURES if extension in common), None)


def service_formats(opened: LayerVersion, levels: Iterable[int]) -> list[str]:
    """Extensions of the formats that all of some levels have, by rank, for services whose URLs have an extension.

    JPEG tiles with hidden pixels have JPEG_PNG first: clients such as GDAL take the first.
    """
    numbers = tuple(levels)
    formats = _common(opened, numbers)
    is_cut = any(hides(opened.cog.levels[number]) for number in numbers)
    if is_cut and all(opened.refusal(number, JPEG_PNG) is None for number in numbers):
        return [JPEG_PNG.extension, *formats]
    return formats


def service_picture(opened: LayerVersion, levels: Iterable[int]) -> str | None:
    """The first of the same formats that browsers show; None: there is none."""
    pictures = (JPEG_PNG.extension, *PICTURES)
    return next((extension for extension in service_formats(opened, levels) if extension in pictures), None)


def _common(opened: LayerVersion, numbers: Sequence[int]) -> list[str]:
    offered = [opened.offered(IMAGE, number) for number in numbers]
    return [extension for extension in FILES if all(extension in these for these in offered)]
