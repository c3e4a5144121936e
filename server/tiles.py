"""The way of a tile request, without Flask: layer, header, place, ETag, bytes, wrapping (the numbers are DESIGN's).

A source that changes under a request starts it again, once, with the header of the new version.
"""

import time
from typing import Final, NamedTuple

from cogread.byterange import ByteRange
from cogread.errors import SourceChanged, TileDamaged
from cogread.image import Image
from cogread.index import locate, tile_number
from cogread.parse import drive
from server.catalog import Catalog, Layer, OpenLayer
from server.grid import place_of
from server.http import Reply, none_match

BUDGET_S: Final = 12.0
"""Longest time that a request may take, below the 30 s after which routers give up."""


class TileRequest(NamedTuple):
    """What a client asks for. A named tuple, since a frozen dataclass takes four times as long to make."""

    layer: str
    grid: str
    z: int
    x: int
    y: int
    extension: str
    if_none_match: str | None
    is_head: bool


def serve(catalog: Catalog, request: TileRequest) -> Reply:
    """Answer a request for a tile.

    Raises:
        ServerError: there is no such layer or grid.
        CogError: the tile cannot be given.
    """
    deadline_s = time.monotonic() + BUDGET_S
    layer = catalog[request.layer]
    try:
        return _serve(layer, request, deadline_s)
    except SourceChanged:
        return _serve(layer, request, deadline_s)


def _serve(layer: Layer, request: TileRequest, deadline_s: float) -> Reply:
    opened = layer.open(deadline_s)
    place = place_of(opened.cog, request.grid, request.z, request.x, request.y)
    wrapper, wrapping = opened.wrapping(place.level, request.extension)
    image = opened.cog.levels[place.level].image
    stored = _locate(layer, opened, image, tile_number(image, place.col, place.row), deadline_s)
    if stored is None:
        return _sparse(layer, opened, request)
    etag = f'"{opened.version_key}-{stored.start:x}-{stored.size_bytes:x}-{wrapper.extension}{wrapper.revision}"'
    headers = [("ETag", etag), *layer.headers]
    if not none_match(request.if_none_match, etag):
        return Reply(304, headers, b"")
    headers.append(("Content-Type", wrapper.media_type))
    if request.is_head:
        headers.append(("Content-Length", str(stored.size_bytes + wrapping.added_bytes)))
        return Reply(200, headers, b"")
    data = layer.source.read_tile(stored, opened.cog.version, deadline_s).data
    try:
        body = wrapping.wrap(data)
    except TileDamaged as error:
        raise TileDamaged(f"{image.directory.where}: tile col {place.col}, row {place.row}: {error}") from error
    headers.append(("Content-Length", str(len(body))))
    return Reply(200, headers, body)


def _locate(layer: Layer, opened: OpenLayer, image: Image, number: int, deadline_s: float) -> ByteRange | None:
    source, version = layer.source, opened.cog.version

    def read(wanted: ByteRange) -> bytes:
        return source.read(wanted, version, deadline_s).data

    return drive(locate(image, number, version.size_bytes), read)


def _sparse(layer: Layer, opened: OpenLayer, request: TileRequest) -> Reply:
    """A tile that is not stored: nothing is wrong with the request, there is just no picture."""
    etag = f'"{opened.version_key}-empty"'
    headers = [("ETag", etag), *layer.headers]
    if layer.config.empty == "404":  # RFC 9110 §13.2.1: conditions count only where the reply would be a success
        return Reply(404, [*headers, ("Content-Length", "0")], b"")
    if not none_match(request.if_none_match, etag):
        return Reply(304, headers, b"")
    return Reply(204, headers, b"")
