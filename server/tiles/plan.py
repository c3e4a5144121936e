"""Tiles in their files: finding one, and answering with what was found. Both read no more than is wanted."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from cogread.errors import TileDamaged
from cogread.image import Image
from cogread.sources.gather import gather
from cogread.tiff.parse import drive
from cogread.tile_index import index_places, locate, tile_number
from cogread.wrap import EMPTY_TILES, USUAL, Wrapping
from cogread.wrap.tile import Tile
from server.http.reply import ACCEPT_RANGES, Reply, none_match
from server.layers.catalog import Layer
from server.layers.grids import Place
from server.layers.layer_version import OpenLayer, Representation
from server.logs.trace import trace
from server.origin.cached_source import CachedSource
from server.resilience.inflight import SMALL_BYTES, Limits
from server.tiles.options import options_of
from server.tiles.request import TileRequest


class Found(NamedTuple):
    """What was found out about a tile when it was asked for: true as long as its layer has this version."""

    layer: Layer
    version: Version
    wrapping: Wrapping
    content_type: tuple[str, str]
    """The header field."""
    where: str
    """The tile's place in the file, for messages."""
    place: Place
    stored: list[ByteRange | None]
    """The planes, then the mask if it is wanted."""
    size_bytes: int
    """Of all that is stored."""
    etag: str
    headers: list[tuple[str, str]]
    """Of a 304; a 200 has more."""
    is_kept: bool
    """Whether it depends on nothing of the request but its path."""
    need_bytes: int
    """Most memory that it takes while it is made: the stored bytes, a copy of them, and what decoding takes."""
    sent: list[tuple[str, str]] | None = None
    """Of a tile that was sent, and whose stored bytes are therefore known to be sound: the headers of its 200."""
    reply: Reply | None = None
    """Of a tile that is asked for again and again, while there is room: its whole 200."""


class _NotAtHand(Exception):
    """A value of the index has to be waited for."""


def find(layer: Layer, opened: OpenLayer, request: TileRequest, deadline: Deadline) -> Found | Reply:
    """Find a tile, or answer that it is not stored."""
    source, version = layer.source, opened.cog.version

    def read_header(wanted: ByteRange) -> bytes:
        return source.read(wanted, version, deadline).data

    place = opened.grids.named(request.grid).place(request.z, request.x, request.y)
    how = _representation(opened, request, place.level, read_header)
    stored = _locate(how, place, source, version, deadline)
    present = [part for part in stored[: len(how.wrapping.planes)] if part is not None]
    if not present:
        return _sparse(layer, opened, request, how)
    size_bytes = sum(part.size_bytes for part in stored if part is not None)
    etag = f'"{opened.version_key}-{present[0].start:x}-{size_bytes:x}-{how.suffix}"'
    headers = [("ETag", etag), *_policy(layer, request), *how.wrapping.headers]
    where = f"{how.level.image.directory.where}: tile col {place.col}, row {place.row}"
    return Found(
        layer,
        version,
        how.wrapping,
        how.content_type,
        where,
        place,
        stored,
        size_bytes,
        etag,
        headers,
        not how.has_options,
        2 * size_bytes + how.wrapping.work_bytes,
    )


def fulfil(found: Found, if_none_match: str | None, is_head: bool, deadline: Deadline, limits: Limits) -> Reply:
    """Answer with a tile that was found, reading no more than is wanted.

    Raises:
        ServerBusy: there is no memory or no decoder free for it.
    """
    if if_none_match is not None and not none_match(if_none_match, found.etag):
        return Reply(304, found.headers, b"")
    if found.reply is not None and not is_head:
        if trace.tier == "-":
            trace.tier = "memory"
        return found.reply
    if is_head:
        return _head(found, deadline, limits)
    return _whole(found, deadline, limits)


def _head(found: Found, deadline: Deadline, limits: Limits) -> Reply:
    """The headers of the 200. A tile whose length is not known beforehand is made for it, unless it was sent before."""
    if found.sent is not None:
        return Reply(200, found.sent, b"")
    if found.wrapping.added_bytes is None:
        return _whole(found, deadline, limits)._replace(body=b"", close=None)
    return Reply(200, _headers(found, found.size_bytes + found.wrapping.added_bytes), b"")


def _whole(found: Found, deadline: Deadline, limits: Limits) -> Reply:
    """The 200, within the budget."""
    if found.need_bytes <= SMALL_BYTES:
        return _made(found, deadline, limits)
    share = limits.memory.take(found.need_bytes, deadline)
    try:
        reply = _made(found, deadline, limits)
    except BaseException:  # whose traceback keeps the share alive
        share.close()
        raise
    share.shrink(len(reply.body))
    return reply._replace(close=share.close)


def _made(found: Found, deadline: Deadline, limits: Limits) -> Reply:
    read_tile, version = found.layer.source.read_tile, found.version
    if found.sent is not None and found.wrapping.wrap_again is not None and found.stored[0] is not None:
        return Reply(200, found.sent, found.wrapping.wrap_again(read_tile(found.stored[0], version, deadline).data))
    parts = gather(found.stored, lambda wanted: read_tile(wanted, version, deadline).data)
    if found.wrapping.work_bytes:
        with limits.decoders.one(deadline):
            body = _wrap(found, parts)
    else:
        body = _wrap(found, parts)
    return Reply(200, _headers(found, len(body)), body)


def _headers(found: Found, size_bytes: int) -> list[tuple[str, str]]:
    return [*found.headers, found.content_type, ACCEPT_RANGES, ("Content-Length", str(size_bytes))]


def _policy(layer: Layer, request: TileRequest) -> tuple[tuple[str, str], ...]:
    return layer.headers if request.version is None else layer.immutable_headers


def _representation(
    opened: OpenLayer, request: TileRequest, level: int, read: Callable[[ByteRange], bytes]
) -> Representation:
    options = USUAL
    coding = opened.coding(request.kind, level, request.extension)
    if coding is not None:
        options = options_of(request.query, request.accept_encoding, *coding)
    return opened.representation(request.kind, level, request.extension, options, read)


def _locate(
    how: Representation, place: Place, source: CachedSource, version: Version, deadline: Deadline
) -> list[ByteRange | None]:
    """Where the planes that are wanted are, and the mask if it is wanted: found at hand, or with one wait for all."""
    image, mask = how.level.image, how.level.mask
    tiles = [(image, tile_number(image, place.col, place.row, plane)) for plane in how.wrapping.planes]
    if how.wrapping.wants_mask and mask is not None:
        tiles.append((mask, tile_number(mask, place.col, place.row)))

    def read_at_hand(wanted: ByteRange) -> bytes:
        data = source.at_hand(wanted, version)
        if data is None:
            raise _NotAtHand
        return data

    try:
        return _places(tiles, version, read_at_hand)
    except _NotAtHand:
        wanted = [value for part, number in tiles for value in index_places(part, number, version.size_bytes)]
        index = dict(zip(wanted, source.read_many(wanted, version, deadline), strict=True))
        return _places(tiles, version, index.__getitem__)


def _places(
    tiles: Sequence[tuple[Image, int]], version: Version, read: Callable[[ByteRange], bytes]
) -> list[ByteRange | None]:
    return [drive(locate(image, number, version.size_bytes), read) for image, number in tiles]


def _wrap(found: Found, parts: list[bytes | None]) -> bytes:
    wrapping, place = found.wrapping, found.place
    count = len(wrapping.planes)
    mask = parts[count] if len(parts) > count else None
    try:
        return wrapping.wrap(Tile(place.col, place.row, tuple(parts[:count]), mask))
    except TileDamaged as error:
        raise TileDamaged(f"{found.where}: {error.message}", error.evidence) from error


def _sparse(layer: Layer, opened: OpenLayer, request: TileRequest, how: Representation) -> Reply:
    """A tile that is not stored: nothing is wrong with the request, there is just no picture."""
    etag = f'"{opened.version_key}-empty-{how.suffix}"'
    headers = [("ETag", etag), *_policy(layer, request)]
    if layer.config.empty == "404":  # RFC 9110 §13.2.1: conditions count only where the reply would be a success
        return Reply(404, [*headers, ("Content-Length", "0")], b"")
    if not none_match(request.if_none_match, etag):
        return Reply(304, headers, b"")
    if layer.config.empty == "transparent" and request.extension in EMPTY_TILES:
        image = how.level.image
        body = EMPTY_TILES[request.extension](image.tile_width, image.tile_height)
        headers += [how.content_type, ACCEPT_RANGES, ("Content-Length", str(len(body)))]
        return Reply(200, headers, b"" if request.is_head else body)
    return Reply(204, headers, b"")
