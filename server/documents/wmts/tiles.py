"""Tiles as WMTS asks for them, by a path or by key-value pairs: the same tiles as of other URLs, by other names."""

import re
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import FormatNotOffered, TileOutOfRange
from server.documents.wmts.exceptions import OwsError
from server.documents.wmts.kvp import GET_TILE, TileQuery, operation, pairs_of, tile_query
from server.documents.wmts.names import MEDIA_TYPES, RESOURCES, STYLE, WHOLE, grid_of, shares_web_mercator, unknown_set
from server.http.errors import UnknownGrid, UnknownLayer, UnknownUrl
from server.http.reply import Reply
from server.layers.catalog import Catalog
from server.layers.grids import WEB_MERCATOR
from server.layers.layer_version import IMAGE
from server.tiles.request import NUMBER, TileRequest
from server.tiles.service import BUDGET_S, Tiles

_PATH: Final = re.compile(
    re.escape(RESOURCES) + r"/([A-Za-z0-9_.-]{1,100})(?:@([A-Za-z0-9_.-]{1,64}))?/([A-Za-z0-9_.-]{1,50})"
    rf"/([A-Za-z0-9_.-]{{1,120}})/({NUMBER})/({NUMBER})/({NUMBER})\.([a-z]{{1,8}})"
)
"""Layer, version, style, tile matrix set, tile matrix, row, column, extension: all may stand in the log as they are."""
_IDENTIFIER: Final = re.compile(NUMBER)


class WmtsTiles:
    """Answers requests for tiles in the words of WMTS. Safe to share between threads."""

    def __init__(self, catalog: Catalog, tiles: Tiles) -> None:
        self._catalog, self._tiles = catalog, tiles

    def serve_path(self, path: str, if_none_match: str | None, is_head: bool) -> Reply | None:
        """Answer a request by a path that is not known yet; None if it is not that of a tile.

        Raises:
            ServerError: there is no such layer, style or tile matrix set.
            CogError: the tile cannot be given.
        """
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        layer, version, style, tile_matrix_set, z, row, col, extension = match.groups()
        if style != STYLE:
            raise UnknownUrl(f"style {style!r}: wanted {STYLE}")
        query = TileQuery(layer, tile_matrix_set, z, int(row), int(col), extension)
        return self._serve(path, query, version, if_none_match, is_head)

    def serve_query(self, query: str, if_none_match: str | None, is_head: bool) -> Reply | None:
        """Answer a request by key-value pairs; None if it is not for a tile.

        Raises:
            OwsError: it is not as it should be, or there is no such tile.
            CogError: the tile cannot be given.
        """
        pairs = pairs_of(query)
        if operation(pairs) != GET_TILE:
            return None
        asked = tile_query(pairs)
        if not _IDENTIFIER.fullmatch(asked.tile_matrix):
            raise _invalid(f"tile matrix {asked.tile_matrix[:100]!r}: wanted a number", "TileMatrix")
        try:
            _ = self._catalog[asked.layer]
            path = _path_of(asked)
            reply = self._tiles.serve_known(path, if_none_match, is_head)
            return reply or self._serve(path, asked, None, if_none_match, is_head)
        except UnknownLayer as error:
            raise _invalid(str(error), "Layer") from error
        except UnknownGrid as error:
            raise _invalid(str(error), "TileMatrixSet") from error
        except FormatNotOffered as error:
            raise _invalid(str(error), "Format") from error
        except TileOutOfRange as error:
            raise self._out_of_range(asked, str(error)) from error

    def _serve(
        self, path: str, asked: TileQuery, version: str | None, if_none_match: str | None, is_head: bool
    ) -> Reply:
        if asked.extension not in MEDIA_TYPES:
            raise FormatNotOffered(f"format {asked.extension!r}: wanted one of: {', '.join(MEDIA_TYPES)}")
        grid = grid_of(asked.layer, asked.tile_matrix_set)
        if grid == WEB_MERCATOR:
            self._check_shared(asked)
        request = TileRequest(
            asked.layer,
            version,
            IMAGE,
            grid,
            z=int(asked.tile_matrix),
            x=asked.col,
            y=asked.row,
            extension=WHOLE.get(asked.extension, asked.extension),
            query="",
            accept_encoding=None,
            if_none_match=if_none_match,
            is_head=is_head,
        )
        return self._tiles.serve(path, request)

    def _check_shared(self, asked: TileQuery) -> None:
        opened = self._catalog[asked.layer].open(Deadline.after(BUDGET_S))
        if not shares_web_mercator(opened.grids):
            raise unknown_set(asked.layer, asked.tile_matrix_set)

    def _out_of_range(self, asked: TileQuery, message: str) -> OwsError:
        """Which of the numbers it is (OGC 07-057r7, table 24)."""
        opened = self._catalog[asked.layer].open(Deadline.after(BUDGET_S))
        grid = opened.grids.named(grid_of(asked.layer, asked.tile_matrix_set))
        matrix = grid.by_z.get(int(asked.tile_matrix))
        if matrix is None:
            return _invalid(message, "TileMatrix")
        is_row = not matrix.min_y <= asked.row <= matrix.max_y
        return OwsError("TileOutOfRange", message, "TileRow" if is_row else "TileCol")


def _invalid(message: str, locator: str) -> OwsError:
    return OwsError("InvalidParameterValue", message, locator)


def _path_of(asked: TileQuery) -> str:
    """The path of the same tile, under which it is known."""
    place = f"{asked.tile_matrix}/{asked.row}/{asked.col}.{asked.extension}"
    return f"{RESOURCES}/{asked.layer}/{STYLE}/{asked.tile_matrix_set}/{place}"
