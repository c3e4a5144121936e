"""The reply to a request whose tile has a plan: reads no more than the reply needs, within the memory budget."""

from cogread.deadline import Deadline
from cogread.errors import TileDamaged
from cogread.sources.gather import gather
from cogread.wrap.tile import Tile
from server.http.reply import ACCEPT_RANGES, Reply, none_match
from server.logs.trace import trace
from server.resilience.inflight import SMALL_BYTES, Limits
from server.tiles.plan import TilePlan
from server.tiles.request import TileRequest


def respond_from_plan(plan: TilePlan, request: TileRequest) -> Reply | None:
    """Make the reply of the plan alone: a 304, a HEAD whose length is clear, or the cached 200; None: read the tile."""
    if request.if_none_match is not None and not none_match(request.if_none_match, plan.etag):
        return plan.not_modified
    if request.is_head:
        return _head(plan)
    if plan.reply is not None and trace.tier == "-":
        trace.tier = "memory"
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
    if plan.ok_headers is not None:
        return Reply(200, plan.ok_headers, b"")
    if plan.wrapping.added_bytes is None:
        return None
    return Reply(200, _ok_headers(plan, plan.size_bytes + plan.wrapping.added_bytes), b"")


def respond_with_tile(plan: TilePlan, deadline: Deadline, limits: Limits) -> Reply:
    """Make the 200; a tile that needs much memory has a share of the budget until it is sent."""
    if plan.memory_bytes <= SMALL_BYTES:
        return _whole(plan, deadline, limits)
    share = limits.memory.take(plan.memory_bytes, deadline)
    try:
        reply = _whole(plan, deadline, limits)
    except BaseException:  # its traceback keeps the share alive
        share.close()
        raise
    share.shrink(len(reply.body))
    return reply._replace(close=share.close)


def _whole(plan: TilePlan, deadline: Deadline, limits: Limits) -> Reply:
    read_tile, version, wrapping = plan.layer.source.read_tile, plan.version, plan.wrapping
    if plan.ok_headers is not None and wrapping.wrap_again is not None and plan.ranges[0] is not None:
        return Reply(200, plan.ok_headers, wrapping.wrap_again(read_tile(plan.ranges[0], version, deadline).data))
    parts = gather(plan.ranges, lambda wanted: read_tile(wanted, version, deadline).data)
    if wrapping.work_bytes:
        with limits.decoders.entered(deadline):
            body = _wrap(plan, parts)
    else:
        body = _wrap(plan, parts)
    return Reply(200, _ok_headers(plan, len(body)), body)


def _ok_headers(plan: TilePlan, size_bytes: int) -> list[tuple[str, str]]:
    return [*plan.not_modified.headers, plan.content_type, ACCEPT_RANGES, ("Content-Length", str(size_bytes))]


def _wrap(plan: TilePlan, parts: list[bytes | None]) -> bytes:
    place, planes = plan.place, len(plan.wrapping.planes)
    mask = parts[planes] if len(parts) > planes else None
    try:
        return plan.wrapping.wrap(Tile(place.col, place.row, tuple(parts[:planes]), mask))
    except TileDamaged as error:
        tile = f"{plan.image.directory.where}: tile col {place.col}, row {place.row}"
        raise TileDamaged(f"{tile}: {error.message}", error.evidence) from error
