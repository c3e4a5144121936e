"""The document of all operations."""

from typing import Final

from cogread import __version__
from server.documents import Json
from server.documents.openapi.operations import OPERATIONS
from server.documents.openapi.parts import PARAMETERS, RESPONSES, SECURITY, SECURITY_SCHEMES
from server.documents.openapi.schemas import SCHEMAS

PATHS: Final[Json] = {
    path: get.path_item(tag) for tag, operations in OPERATIONS.items() for path, get in operations.items()
}


def document(title: str, base_url: str, has_metrics: bool) -> Json:
    """The description of a server.

    Args:
        title: the server's.
        base_url: beginning of the URLs of its paths.
        has_metrics: the server has `/metrics`.
    """
    return {
        "openapi": "3.0.3",
        "info": {
            "title": title,
            "version": __version__,
            "description": "Cloud Optimized GeoTIFFs, whose tiles are served as they are stored.",
            "license": {"name": "MIT"},
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name} for name in OPERATIONS],
        "paths": {path: item for path, item in PATHS.items() if has_metrics or path != "/metrics"},
        "security": SECURITY,
        "components": {
            "schemas": SCHEMAS,
            "parameters": PARAMETERS,
            "responses": RESPONSES,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }
