"""An operation: the GET of a path, and the operations that many paths share."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from cogread.wrap import WRAPPERS
from server.documents import Json
from server.documents.ogc.links import JSON
from server.documents.openapi.schemas import STRING, ref

BINARY: Final[Json] = STRING | {"format": "binary"}
LIST: Final = "304 400 401 503"
"""Statuses of operations that describe many layers beside 200, as those below."""
FILE: Final = "401 403 502 503 504"
"""Statuses of operations that read the file of a layer."""
DOCUMENT: Final = f"302 304 400 404 {FILE}"
"""Statuses of documents of a layer."""
TILE: Final = f"204 206 304 400 empty404 416 {FILE}"
"""Statuses of tiles."""


class Get(NamedTuple):
    """The GET of a path; names of parameters and replies are separated by spaces."""

    operation_id: str
    summary: str
    parameters: str
    """Names in PARAMETERS."""
    content: Json
    """Media type -> schema of the reply with status 200."""
    statuses: str = ""
    """Other replies, by their names in RESPONSES."""

    def path_item(self, tag: str) -> Json:
        """The object of the path in the document; `tag` is the family of endpoints."""
        content = {media_type: {"schema": schema} for media_type, schema in self.content.items()}
        responses: Json = {"200": {"description": self.summary, "content": content}}
        responses |= {name[-3:]: {"$ref": f"#/components/responses/{name}"} for name in self.statuses.split()}
        get: Json = {"operationId": self.operation_id, "tags": [tag], "summary": self.summary, "responses": responses}
        if self.parameters:
            get["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in self.parameters.split()]
        return {"get": get}


def tiles(formats: Iterable[str]) -> Json:
    """The media types of formats, as the content of a reply."""
    return dict.fromkeys((WRAPPERS[name].media_type for name in formats), BINARY)


def list_page(operation_id: str, summary: str, schema: str) -> Get:
    """A page of a list."""
    return page(operation_id, summary, "limit offset", schema, LIST)


def layer_page(operation_id: str, summary: str, parameters: str, schema: str) -> Get:
    """A description of a layer."""
    return page(operation_id, summary, parameters, schema, f"304 400 404 {FILE}")


def page(operation_id: str, summary: str, parameters: str, schema: str, statuses: str) -> Get:
    """A description in JSON, and a page for browsers."""
    return Get(operation_id, summary, f"{parameters} f-page", {JSON: ref(schema), "text/html": STRING}, statuses)


def document(operation_id: str, summary: str, content: Json, parameters: str = "") -> Get:
    """A document of a layer that clients open."""
    return Get(operation_id, summary, f"versionedLayer {parameters}", content, DOCUMENT)


def tile(operation_id: str, summary: str, parameters: str, formats: Iterable[str]) -> Get:
    """A tile in one of several formats."""
    return Get(operation_id, summary, f"versionedLayer {parameters}", tiles(formats), f"302 {TILE}")
