"""The formats of tiles in this API."""

from typing import Final

from cogread.wrap import WRAPPERS

TILE_FORMATS: Final[tuple[str, ...]] = ("jpg", "webp", "png", "tif")
"""Those that are preferred first: what is sent as it is stored, then what is packed anew, then what few can show."""

_GEOTIFF: Final = "image/tiff; application=geotiff"
"""As OGC API documents spell it, and GDAL wants it."""


def linked_type(extension: str) -> str:
    """The media type of tiles in links."""
    return _GEOTIFF if extension == "tif" else WRAPPERS[extension].media_type
