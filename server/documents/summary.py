"""What the lists of all layers say of one."""

from typing import NamedTuple

from server.documents.preview import Preview, preview_of
from server.documents.web_maps import has_pictures
from server.layers.catalog import Layer
from server.layers.layer_version import IMAGE, OpenLayer


class Glance(NamedTuple):
    """A layer at a glance."""

    path: str
    """What the URLs of its tiles begin with, below the server's root."""
    width: int
    """Pixels, in full resolution."""
    height: int
    formats: list[str]
    """Extensions of what its tiles are offered as, at some level at least."""
    preview: Preview | None
    is_web_map: bool
    """Whether it is aligned to the grid of web maps, with tiles that browsers show."""


def glance(layer: Layer, opened: OpenLayer) -> Glance:
    """Look at an open layer."""
    formats = [extension for extension, reason in opened.refusals(IMAGE).items() if reason is None]
    image = opened.cog.full
    return Glance(layer.path_of(opened), image.width, image.height, formats, preview_of(opened), has_pictures(opened))
