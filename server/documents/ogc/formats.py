"""The formats of tiles in this API."""

from typing import Final

from cogread.wrap import WRAPPERS

_GEOTIFF: Final = "image/tiff; application=geotiff"
"""As OGC API documents spell it, and GDAL wants it."""


def linked_type(extension: str) -> str:
    """The media type of tiles in links."""
    return _GEOTIFF if extension == "tif" else WRAPPERS[extension].media_type
