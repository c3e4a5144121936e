"""Tiles beside the replies of the server to requests for them."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cogread.errors import CogError
from server.cli.layer_source import LayerSource
from server.cli.progress import in_order
from server.http.errors import ServerError

_NEAR_THREADS: Final = 2
"""Tiles at the same time where the file is local: one is read while the other is compared."""
_FAR_THREADS: Final = 16
"""The same where each waits for an origin."""

Place = tuple[int, int, int]
"""z, x, y."""


class Body(NamedTuple):
    """The body of a tile."""

    place: Place
    data: bytes
    """Empty: there is none."""


def compared(
    source: LayerSource, grid: str, tile_format: str, tiles: Iterable[Body]
) -> Iterator[tuple[int, str | None]]:
    """The sizes of bodies, and the faults of those that differ from the server's."""

    def compare(tile: Body) -> tuple[int, str | None]:
        """The size of a body in bytes, and its fault; None: it is the server's."""
        where = f"tile {tile.place[0]}/{tile.place[1]}/{tile.place[2]}"
        try:
            served = source.serve(grid, tile.place, tile_format)
        except (CogError, ServerError) as error:
            return len(tile.data), f"{where}: the server sends an error: {error}"
        if served == tile.data:
            return len(tile.data), None
        if not tile.data:
            return 0, f"{where}: missing; the server sends {len(served)} bytes"
        return len(tile.data), f"{where}: {len(tile.data)} bytes, not those that the server sends ({len(served)})"

    threads = _NEAR_THREADS if source.layer.source.is_local else _FAR_THREADS
    return in_order(compare, tiles, threads)
