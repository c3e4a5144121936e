"""`/tms`, `/tms/1.0.0`, `/tms/1.0.0/{layer}`: Tile Map Service, without its tiles.

The addresses of documents in the specification's examples end in a slash or do not: here they are the same.
"""

from typing import Final

from flask import Blueprint, Response, render_template

from server.documents.tms import PROFILE, SERVICE, tile_map
from server.documents.xml_text import xml_text
from server.layers.catalog import Layer
from server.layers.layer_version import OpenLayer
from server.layers.summaries import Known
from server.tiles.service import BUDGET_S
from server.web.context import context
from server.web.gzip import packed_document
from server.web.versioned import versioned

blueprint = Blueprint("tms", __name__)
blueprint.add_app_template_filter(xml_text)

OPEN_ALL_S: Final = 5.0
"""How long the list waits for files that are not known yet; those that take longer are in the next one."""

_XML: Final = "application/xml"


@blueprint.get("/tms")
def services() -> Response:
    """The versions of the service."""
    return _listed("tms_services.xml", [])


@blueprint.get(SERVICE)
def service() -> Response:
    """All maps."""
    ctx = context()
    found = ctx.glances.of_all(OPEN_ALL_S, BUDGET_S)
    maps = [name for name, known in found.items() if isinstance(known, Known) and known.what.is_web_map]
    return _listed("tms_service.xml", [ctx.catalog[name] for name in maps])


@blueprint.get(f"{SERVICE}/<name>")
def tile_map_document(name: str) -> Response:
    """One map."""
    return versioned(name, f"{SERVICE}/{{}}", _tile_map, _XML)


def _listed(template: str, layers: list[Layer]) -> Response:
    ctx = context()
    root, title = ctx.absolute_root, ctx.settings.server.title
    body = render_template(template, layers=layers, title=title, root=root, service=root + SERVICE, profile=PROFILE)
    return packed_document(body.encode(), _XML, ctx.absolute_policy)


def _tile_map(layer: Layer, opened: OpenLayer, root: str) -> bytes:
    about = tile_map(layer, opened)
    return render_template("tms_map.xml", about=about, root=root, service=root + SERVICE, profile=PROFILE).encode()
