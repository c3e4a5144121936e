"""The plan of a tile: where it is stored and how it is sent, found with header bytes alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from cogread.image import Image
from cogread.tiff.parse import drive
from cogread.tile_index import index_places, locate, tile_number
from cogread.wrap import EMPTY_TILES, USUAL, Heights, Options, Wrapping
from cogread.wrap.bin.wrapper import SAMPLES
from cogread.wrap.tile import Tile
from server.http.reply import ACCEPT_RANGES, Reply, none_match
from server.layers.grids import Place
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion, Representation
from server.origin.cached_source import CachedSource
from server.tiles.options import options_of, terrain_format
from server.tiles.request import XYZ, XYZ_MASK, TileAddress, TileRequest


@dataclass(slots=True)
class TilePlan:
    """A tile of one layer version. True as long as the layer has this version."""

    layer: Layer
    version: Version
    image: Image
    """The image of the tile's level."""
    place: Place
    wrapping: Wrapping
    """Has `choose` until the mask's tile was read, where the form of the tile depends on it."""
    ranges: list[ByteRange | None]
    """Stored bytes of the planes, then of the mask if the wrapping wants it; None: sparse."""
    size_bytes: int
    """Sum of the ranges."""
    etag: str
    not_modified: Reply
    """The 304. A 200 adds Content-Type, Accept-Ranges and Content-Length to its headers."""
    memory_bytes: int
    """Peak memory of making the reply: the stored bytes, a copy of them, and the decoder's work."""
    ok_headers: list[tuple[str, str]] | None = None
    """Headers of the 200, once it was sent: the stored bytes are sound. None: not sent yet."""
    reply: Reply | None = None
    """The whole 200, while it is cached; or the reply of a tile without a visible pixel."""

    def settle(self, wrapping: Wrapping | None) -> None:
        """Fix the form of the tile; None: no pixel is visible."""
        if wrapping is not None:
            self.wrapping, self.memory_bytes = wrapping, 2 * self.size_bytes + wrapping.work_bytes
            return
        self.reply = _empty_reply(self.layer, self.not_modified.headers, self.wrapping.media_type, self.image)
        if self.reply.status == 404:
            self.not_modified = self.reply


class _NotInMemory(Exception):
    """Worker memory does not have a value of the tile index."""


def make_plan(
    layer: Layer, opened: LayerVersion, request: TileRequest, address: TileAddress, deadline: Deadline
) -> TilePlan | Reply:
    """Plan a tile; where it is sparse, make its reply.

    Raises:
        UnknownGrid: the layer has no such grid.
        CogError: the tile cannot be given.
    """
    source, version = layer.source, opened.cog.version

    def read_header(wanted: ByteRange) -> bytes:
        return source.read(wanted, version, deadline).data

    place = opened.grids.named(address.grid).place(address.z, address.x, address.y)
    representation = representation_of(layer, opened, address, place.level, read_header)
    wrapping, image = representation.wrapping, representation.level.image
    ranges = _locate(representation, place, source, version, deadline)
    start, size_bytes = _extent(ranges)
    planes, masks = ranges[: len(wrapping.planes)], ranges[len(wrapping.planes) :]
    form: Wrapping | None = wrapping
    if wrapping.choose is not None and not any(masks):
        form = wrapping.choose(Tile(place.col, place.row, ()))
    is_drawn = any(planes) or (wrapping.draws_sparse and layer.config.empty != "404")
    if form is None or not is_drawn:
        return _without_picture(layer, opened, request, address, representation)
    etag = f'"{opened.version_key}-{start:x}-{size_bytes:x}-{representation.suffix}"'
    return TilePlan(
        layer,
        version,
        image,
        place,
        form,
        ranges,
        size_bytes,
        etag,
        Reply(304, [("ETag", etag), *_policy(layer, address), *wrapping.headers], b""),
        2 * size_bytes + form.work_bytes,
    )


def _extent(ranges: Sequence[ByteRange | None]) -> tuple[int, int]:
    """Start of the first range that is stored, and the bytes of all."""
    start, size_bytes = None, 0
    for stored in ranges:
        if stored is not None:
            size_bytes += stored.size_bytes
            start = stored.start if start is None else start
    return start or 0, size_bytes


def _policy(layer: Layer, address: TileAddress) -> tuple[tuple[str, str], ...]:
    return layer.headers if address.version is None else layer.immutable_headers


def representation_of(
    layer: Layer, opened: LayerVersion, address: TileAddress, level: int, read: Callable[[ByteRange], bytes]
) -> Representation:
    """The representation that an address names, of the tiles of a level; `read` reads header bytes.

    Raises:
        CogError: the level does not offer it; see `LayerVersion.representation`.
    """
    if address.query and address.format == "png" and address.template in (XYZ, XYZ_MASK):
        terrain = terrain_format(address.query)
        if terrain is not None:
            options = Options(heights=Heights(layer.config.terrain_nodata, opened.height_unit_m))
            return opened.representation(address.kind, level, terrain, options, read)
    options, offered = USUAL, opened.level(address.kind, level)
    if offered is not None and address.format == SAMPLES.extension:
        options = options_of(address.query, address.accept_encoding, offered.image)
    return opened.representation(address.kind, level, address.format, options, read)


def _locate(
    representation: Representation, place: Place, source: CachedSource, version: Version, deadline: Deadline
) -> list[ByteRange | None]:
    """Find the stored bytes of the planes and of the mask: in worker memory, else with one wait for all values."""
    level, wrapping = representation.level, representation.wrapping
    tiles = [(level.image, tile_number(level.image, place.col, place.row, plane)) for plane in wrapping.planes]
    if wrapping.wants_mask and level.mask is not None:
        tiles.append((level.mask, tile_number(level.mask, place.col, place.row)))

    def read_memory(wanted: ByteRange) -> bytes:
        data = source.cached_header(wanted, version)
        if data is None:
            raise _NotInMemory
        return data

    try:
        return _ranges(tiles, version, read_memory)
    except _NotInMemory:
        wanted = [value for image, number in tiles for value in index_places(image, number, version.size_bytes)]
        values = dict(zip(wanted, source.read_many(wanted, version, deadline), strict=True))
        return _ranges(tiles, version, values.__getitem__)


def _ranges(
    tiles: Sequence[tuple[Image, int]], version: Version, read: Callable[[ByteRange], bytes]
) -> list[ByteRange | None]:
    return [drive(locate(image, number, version.size_bytes), read) for image, number in tiles]


def _without_picture(
    layer: Layer, opened: LayerVersion, request: TileRequest, address: TileAddress, representation: Representation
) -> Reply:
    """The reply for a tile that is sparse, or hidden by a sparse tile of the mask."""
    etag = f'"{opened.version_key}-empty-{representation.suffix}"'
    headers = [("ETag", etag), *_policy(layer, address)]
    reply = _empty_reply(layer, headers, representation.wrapping.media_type, representation.level.image)
    if reply.status != 404 and not none_match(request.if_none_match, etag):
        return Reply(304, headers, b"")
    return reply._replace(body=b"") if request.is_head else reply


def _empty_reply(layer: Layer, headers: list[tuple[str, str]], media_type: str, image: Image) -> Reply:
    """The reply without a picture, as the layer's `empty` says: no error, there is just nothing to see.

    A 404 is not conditional: conditions count only where the reply would be a success (RFC 9110 §13.2.1).
    """
    if layer.config.empty == "404":
        return Reply(404, [*headers, ("Content-Length", "0")], b"")
    if layer.config.empty == "204" or media_type not in EMPTY_TILES:
        return Reply(204, headers, b"")
    body = EMPTY_TILES[media_type](*image.tile_size)
    return Reply(200, [*headers, ("Content-Type", media_type), ACCEPT_RANGES, ("Content-Length", str(len(body)))], body)
