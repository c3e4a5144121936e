"""Links of OGC API documents, and the relations that they name."""

from typing import Final

from server.documents import Json

JSON: Final = "application/json"
OPENAPI: Final = "application/vnd.oai.openapi+json;version=3.0"

_REL: Final = "http://www.opengis.net/def/rel/ogc/1.0/"
CONFORMANCE: Final = f"{_REL}conformance"
DATA: Final = f"{_REL}data"
GEODATA: Final = f"{_REL}geodata"
MAP_TILESETS: Final = f"{_REL}tilesets-map"
TILING_SCHEME: Final = f"{_REL}tiling-scheme"
TILING_SCHEMES: Final = f"{_REL}tiling-schemes"


def link(rel: str, href: str, media_type: str = JSON, title: str | None = None) -> Json:
    """A link; `templated` if its address has variables."""
    about: Json = {"rel": rel, "href": href, "type": media_type}
    if title is not None:
        about["title"] = title
    if "{" in href:
        about["templated"] = True
    return about
