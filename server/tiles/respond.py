"""The reply to a request whose tile has a plan: reads no more than the reply needs, within the memory budget."""

from cogread.deadline import Deadline
from cogread.errors import TileDamaged
from cogread.sources.gather import gather
from cogread.wrap.tile import Tile
from server.gunicorn_worker.lead import lead
from server.http.reply import ACCEPT_RANGES, Reply, none_match
from server.resilience.inflight import SMALL_BYTES, Limits, Share
from server.tiles.plan import TilePlan
from server.tiles.request import TileRequest

Parts = list[bytes | None]
"""Stored bytes of a plan's ranges."""


def respond_from_plan(plan: TilePlan, request: TileRequest) -> Reply | None:
    """Make the reply of the plan alone: a 304, a HEAD whose length is clear, or the cached 200; None: read the tile."""
    if request.if_none_match is not None and not none_match(request.if_none_match, plan.etag):
        return plan.not_modified
    if request.is_head:
        return _head(plan)
    if plan.reply is not None and request.trace.tier == "-":
        request.trace.tier = "reply"
    return plan.reply


def respond(plan: TilePlan, request: TileRequest, deadline: Deadline, limits: Limits) -> Reply:
    """Make the reply.

    Raises:
        ServerBusy: no memory or no decoder is free for the tile.
        CogError: the tile cannot be read, or is damaged.
    """
    reply = respond_from_plan(plan, request) or respond_with_tile(plan, deadline, limits)
    return reply._replace(body=b"", close=None) if request.is_head and reply.body else reply


def _head(plan: TilePlan) -> Reply | None:
    """The headers of the 200; None: the length is unknown until the tile is made."""
    if plan.reply is not None:
        return plan.reply._replace(body=b"")
    if plan.ok_headers is not None:
        return Reply(200, plan.ok_headers, b"")
    if plan.wrapping.added_bytes is None:
        return None
    return Reply(200, _ok_headers(plan, plan.size_bytes + plan.wrapping.added_bytes), b"")


def respond_with_tile(plan: TilePlan, deadline: Deadline, limits: Limits) -> Reply:
    """Make the 200; a tile that needs much memory has a share of the budget until it is sent."""
    parts = None if plan.wrapping.choose is None else _settle(plan, deadline, limits)
    if plan.reply is not None:
        return plan.reply
    if plan.memory_bytes <= SMALL_BYTES:
        return _whole(plan, parts, deadline, limits)
    share = _share(plan, deadline, limits)
    try:
        reply = _whole(plan, parts, deadline, limits)
    except BaseException:  # its traceback keeps the share alive
        share.close()
        raise
    share.shrink(len(reply.body))
    return reply._replace(close=share.close)


def _settle(plan: TilePlan, deadline: Deadline, limits: Limits) -> Parts:
    """Read the tile and choose its form by its mask. The memory of a form is not taken before that is known."""
    share = _share(plan, deadline, limits) if plan.memory_bytes > SMALL_BYTES else None
    try:
        parts = _read(plan, deadline)
        plan.settle(plan.wrapping.form(_tile(plan, parts)))
        return parts
    except TileDamaged as error:
        raise _located(plan, error) from error
    finally:
        if share is not None:
            share.close()


def _share(plan: TilePlan, deadline: Deadline, limits: Limits) -> Share:
    """Take the tile's share of the memory budget, which may have to be waited for."""
    lead.hand_over()
    return limits.memory.take(plan.memory_bytes, deadline)


def _whole(plan: TilePlan, parts: Parts | None, deadline: Deadline, limits: Limits) -> Reply:
    wrapping, first = plan.wrapping, plan.ranges[0]
    if plan.ok_headers is not None and wrapping.wrap_again is not None and first is not None and len(plan.ranges) == 1:
        stored = plan.layer.source.tiles.read(first, plan.version, deadline)
        return Reply(200, plan.ok_headers, wrapping.wrap_again(stored))
    if wrapping.is_kept:
        body = _tiered(plan, parts, deadline, limits)
    else:
        body = _encoded(plan, parts or _read(plan, deadline), deadline, limits)
    return Reply(200, _ok_headers(plan, len(body)), body)


def _read(plan: TilePlan, deadline: Deadline) -> Parts:
    tiles, version = plan.layer.source.tiles, plan.version
    return gather(plan.ranges, lambda wanted: tiles.read(wanted, version, deadline))


def _encoded(plan: TilePlan, parts: Parts, deadline: Deadline, limits: Limits) -> bytes:
    """Make the file; decoders take their turns."""
    if not plan.wrapping.work_bytes:
        return _wrap(plan, parts)
    lead.hand_over()
    with limits.decoders.entered(deadline):
        return _wrap(plan, parts)


def _tiered(plan: TilePlan, parts: Parts | None, deadline: Deadline, limits: Limits) -> bytes:
    """Make a file that the tiers keep, or get it from them."""
    tiles = plan.layer.source.tiles

    def read() -> Parts:
        return parts or _read(plan, deadline)

    def make(stored: Parts) -> bytes:
        return _encoded(plan, stored, deadline, limits)

    if plan.layer.config.cache_replies and tiles.may_keep(plan.version):
        return tiles.read_made(plan.etag, plan.version, read, make, deadline, plan.size_bytes)
    return make(read())


def _ok_headers(plan: TilePlan, size_bytes: int) -> list[tuple[str, str]]:
    content_type = ("Content-Type", plan.wrapping.media_type)
    return [*plan.not_modified.headers, content_type, ACCEPT_RANGES, ("Content-Length", str(size_bytes))]


def _wrap(plan: TilePlan, parts: Parts) -> bytes:
    try:
        return plan.wrapping.wrap(_tile(plan, parts))
    except TileDamaged as error:
        raise _located(plan, error) from error


def _tile(plan: TilePlan, parts: Parts) -> Tile:
    place, planes = plan.place, len(plan.wrapping.planes)
    mask = parts[planes] if len(parts) > planes else None
    return Tile(place.col, place.row, tuple(parts[:planes]), mask)


def _located(plan: TilePlan, error: TileDamaged) -> TileDamaged:
    """The same error with the place of the tile."""
    tile = f"{plan.image.directory.where}: tile col {plan.place.col}, row {plan.place.row}"
    return TileDamaged(f"{tile}: {error.message}", error.evidence)
