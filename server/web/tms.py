"""`/tms`, `/tms/1.0.0`, `/tms/1.0.0/{layer}`: Tile Map Service, without its tiles.

Documents have their URLs with and without a slash at the end, as the examples of the specification use both.
"""

from collections.abc import Callable, Iterator
from typing import Final

from flask import Response

from server.documents.summary import Summary
from server.documents.templates import rendered
from server.documents.tms import PROFILE, SERVICE, tile_map
from server.layers.layer import Layer
from server.web.context import context
from server.web.replies import document
from server.web.versioned import versioned

_XML: Final = "application/xml"


def services() -> Response:
    """The versions of the service."""
    return _listed("tms_services.xml", "", list)


def service() -> Response:
    """All maps."""
    listing = context().listing()

    def maps() -> list[Layer]:
        return [layer for layer, summary in listing if isinstance(summary, Summary) and summary.has_tile_map]

    return _listed("tms_service.xml", listing.key, maps)


def tile_map_document(name: str) -> Response:
    """One map."""
    return versioned(name, f"{SERVICE}/{{}}", tile_map, _XML)


def _listed(template: str, key: str, layers: Callable[[], list[Layer]]) -> Response:
    ctx = context()
    base_url, title = ctx.base_url, ctx.settings.server.title

    def write() -> Iterator[bytes]:
        values = {"title": title, "base_url": base_url, "service": base_url + SERVICE, "profile": PROFILE}
        yield rendered(template, layers=layers(), **values).encode()

    return document(ctx.packed.of_long((template, key, title, base_url), write), _XML, ctx.base_url_policy)
