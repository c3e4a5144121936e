"""STAC documents for tests, and the origins that they are read from."""

import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item(item_id: str, href: str, **members: Any) -> Json:
    """An item with one asset; a member that is None is left out."""
    whole: Json = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": item_id,
        "geometry": None,
        "properties": {"datetime": "2024-05-01T10:20:30.5Z"},
        "assets": {"visual": {"href": href, "type": COG, "roles": ["data"]}},
        "links": [],
        **members,
    }
    return {name: value for name, value in whole.items() if value is not None}


def items(*features: Json, links: list[Json] | None = None) -> Json:
    """An ItemCollection, or a page of an API."""
    return {"type": "FeatureCollection", "features": list(features), "links": links or []}


def container(kind: str, *links: tuple[str, str], **members: Any) -> Json:
    """A Catalog or a Collection with links of these relations."""
    return {
        "type": kind,
        "stac_version": "1.0.0",
        "id": "c",
        "description": "",
        "links": [{"rel": rel, "href": href} for rel, href in links],
        **members,
    }


def put_all(put: Callable[[str, bytes], object], documents: dict[str, Json]) -> None:
    """Store documents by their paths."""
    for path, document in documents.items():
        put(path, json.dumps(document).encode())
