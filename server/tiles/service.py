"""The way of a tile request without Flask: layer, header, plan, reply.

A request whose source changes on the way starts again, once, with the header of the new version.
"""

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import CogError, SourceChanged
from server.http.errors import ServerError
from server.http.reply import Reply, redirect
from server.layers.catalog import Catalog
from server.layers.collection import InTime
from server.layers.layer import Layer
from server.resilience.inflight import Limits
from server.resilience.layer_fault import layer_fault
from server.tiles.options import time_of
from server.tiles.plan import TilePlan, make_plan
from server.tiles.reply_cache import ReplyCache
from server.tiles.request import TileAddress, TileRequest
from server.tiles.respond import respond, respond_from_plan


class Tiles:
    """Replies to requests for tiles. Thread-safe."""

    def __init__(self, catalog: Catalog, cache: ReplyCache, limits: Limits) -> None:
        """Make the service.

        Args:
            catalog: the layers.
            cache: of plans and whole replies.
            limits: of the tiles in flight.
        """
        self._catalog, self._cache, self._limits = catalog, cache, limits

    def successor(self, catalog: Catalog) -> "Tiles":
        """A service for another catalog, with the cached plans and replies of the layers that are in both."""
        cache = self._cache.successor(lambda layer: catalog.get(layer.config.name) is layer)
        return Tiles(catalog, cache, self._limits)

    def serve_cached(self, request: TileRequest) -> Reply | None:
        """Reply by the cached plan of the request; its version is checked first.

        Returns:
            None: no plan is cached, or it was of a version that is gone; call `serve`.

        Raises:
            Unauthorized, Forbidden: the caller may not read the layer.
            CogError: the tile cannot be given.
            ServerBusy: no memory or no decoder is free for the tile.
        """
        plan = self._cache.get(request.key)
        if plan is None:
            return None
        if plan.layer.holds is not None and not plan.layer.holds():
            self._cache.drop(request.key)
            return None
        if not plan.layer.is_public:
            request.caller.check(plan.layer.config.name, plan.layer.config.access)
        try:
            reply = respond_from_plan(plan, request)
            if reply is None:
                return self._read(plan, request)
            version = plan.layer.source.version_within(request.deadline, request.trace.input_at)
            if version is not plan.version:
                _check(plan, version)
            return reply
        except SourceChanged:
            self._cache.drop(request.key)
            return None
        except (CogError, ServerError):
            raise
        except Exception as error:
            raise layer_fault(plan.layer.config.name, error) from error

    def serve(self, request: TileRequest, address: TileAddress) -> Reply:
        """Plan a tile and reply.

        Args:
            request: the request.
            address: the tile in its URL, in the terms of XYZ.

        Raises:
            ServerError: there is no such layer or grid, the caller may not read it, the query is invalid, or the worker
                is busy.
            CogError: the tile cannot be given.
        """
        series = self._catalog.series(address.layer)
        if series is not None:
            return self._serve_time(series, request, address)
        deadline, layer = request.deadline(), self._catalog.layer(address.layer, request.caller)
        try:
            try:
                return self._serve(layer, request, address, deadline)
            except SourceChanged:
                return self._serve(layer, request, address, deadline)
        except (CogError, ServerError):
            raise
        except Exception as error:
            raise layer_fault(address.layer, error) from error

    def _serve_time(self, series: InTime, request: TileRequest, address: TileAddress) -> Reply:
        """Reply with the tile of a member. The key of its plan begins with its name, so no path is taken for it."""
        if address.version is not None:
            return redirect(address.unversioned(request.environ["PATH_INFO"]))
        layer = self._catalog.at(series, time_of(address.query), request.caller, request.deadline())
        request.key = f"{layer.config.name}#{request.key}"
        return self.serve_cached(request) or self.serve(request, address._replace(layer=layer.config.name))

    def _serve(self, layer: Layer, request: TileRequest, address: TileAddress, deadline: Deadline) -> Reply:
        opened = layer.open(deadline)
        if address.version is not None and address.version != opened.version_key:
            return redirect(address.unversioned(request.environ["PATH_INFO"]))
        plan = make_plan(layer, opened, request, address, deadline)
        if isinstance(plan, Reply):
            return plan
        reply = respond(plan, request, deadline, self._limits)
        if reply.body:
            plan.ok_headers = reply.headers
        self._cache.put_plan(request.key, plan)
        return reply

    def _read(self, plan: TilePlan, request: TileRequest) -> Reply:
        """Reply by a cached plan with the tile's bytes; the first reply proves them sound, the second is cached."""
        deadline, source = request.deadline(), plan.layer.source
        if request.is_head or plan.wrapping.is_kept or not source.tiles.checks_version:
            _check(plan, source.version(deadline))
        reply = respond(plan, request, deadline, self._limits)
        if reply.body and plan.ok_headers is None:
            plan.ok_headers = reply.headers
        elif reply.body and plan.layer.config.cache_replies and source.tiles.may_keep(plan.version):
            self._cache.put_reply(request.key, plan, reply)
        return reply


def _check(plan: TilePlan, version: Version) -> None:
    if version != plan.version:
        raise SourceChanged(f"{plan.layer.source.name}: replaced since the tile was planned")
