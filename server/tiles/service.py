"""The way of a tile request, without Flask: layer, header, place, ETag, bytes, wrapping.

A source that changes under a request starts it again, once, with the header of the new version.
"""

from typing import Final

from cogread.deadline import Deadline
from cogread.errors import CogError, SourceChanged
from server.http.errors import ServerError
from server.http.reply import Reply, redirect
from server.layers.catalog import Catalog, Layer
from server.resilience.inflight import Limits
from server.resilience.layer_fault import layer_fault, one_layer
from server.tiles.plan import Found, find, fulfil
from server.tiles.reply_cache import KnownTiles
from server.tiles.request import TileRequest

BUDGET_S: Final = 12.0
"""Longest time that a request may take, below the 30 s after which routers give up."""


class Tiles:
    """Answers requests for tiles. Safe to share between threads.

    What was found out about a tile is kept by the path of its URL, so that the next request for it need not find it out
    again: only whether the version is still the same.
    """

    def __init__(self, catalog: Catalog, kept_bytes: int, limits: Limits) -> None:
        """Know nothing of tiles yet.

        Args:
            catalog: the layers.
            kept_bytes: bound of the whole replies that are kept.
            limits: of the tiles in flight.
        """
        self._catalog = catalog
        self._known = KnownTiles(kept_bytes)
        self._limits = limits

    def serve_known(self, path: str, if_none_match: str | None, is_head: bool) -> Reply | None:
        """Answer a request for a tile that was asked for before.

        Returns:
            None: the tile is not known, or was of a version that is gone; ask `serve`.

        Raises:
            CogError: the tile cannot be given.
        """
        found = self._known.get(path)
        if found is None:
            return None
        deadline = Deadline.after(BUDGET_S)
        source = found.layer.source
        try:
            if found.reply is not None or is_head or if_none_match is not None or not source.checks_each_tile:
                version = source.version(deadline)
                if version is not found.version and version != found.version:
                    raise SourceChanged(f"{source.name}: replaced since the tile was found")
            reply = fulfil(found, if_none_match, is_head, deadline, self._limits)
        except SourceChanged:
            self._known.forget(path)
            return None
        except (CogError, ServerError):
            raise
        except Exception as error:
            raise layer_fault(found.layer.config.name, error) from error
        if reply.body and found.reply is None:
            self._learn(path, found, reply)
        return reply

    def serve(self, path: str, request: TileRequest) -> Reply:
        """Answer a request for a tile.

        Args:
            path: of the URL, whose parts the request holds.
            request: what is asked for.

        Raises:
            ServerError: there is no such layer or grid, or the query makes no sense.
            CogError: the tile cannot be given.
        """
        deadline = Deadline.after(BUDGET_S)
        layer = self._catalog[request.layer]
        with one_layer(request.layer):
            try:
                return self._serve(path, layer, request, deadline)
            except SourceChanged:
                return self._serve(path, layer, request, deadline)

    def _serve(self, path: str, layer: Layer, request: TileRequest, deadline: Deadline) -> Reply:
        opened = layer.open(deadline)
        if request.version is not None and request.version != opened.version_key:
            return redirect(request.plain(path))
        found = find(layer, opened, request, deadline)
        if isinstance(found, Reply):
            return found
        reply = fulfil(found, request.if_none_match, request.is_head, deadline, self._limits)
        if found.is_kept:
            self._known.put(path, found._replace(sent=reply.headers if reply.body else None))
        return reply

    def _learn(self, path: str, found: Found, reply: Reply) -> None:
        """Take note of a known tile that was sent."""
        if found.sent is None:
            self._known.put(path, found._replace(sent=reply.headers))
        elif found.layer.source.may_keep_tiles(found.version):
            self._known.keep(path, found, reply._replace(close=None))
