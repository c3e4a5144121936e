"""Several byte ranges of a source in the fewest reads."""

from collections.abc import Callable, Sequence
from typing import Final

from cogread.byterange import ByteRange

GAP_BYTES: Final = 4096
"""Largest gap between two ranges that are read as one: reading it costs less than a round trip. GDAL writes the tile of
a mask, and the planes of a tile with INTERLEAVE=TILE, 8 bytes after the previous tile."""


def gather(places: Sequence[ByteRange | None], read: Callable[[ByteRange], bytes]) -> list[bytes | None]:
    """Read ranges, close ones in one read.

    Args:
        places: the ranges in any order; None for a missing tile.
        read: reads one range, whole.

    Returns:
        The bytes of each range, None for None.
    """
    wanted = [place for place in places if place is not None]
    if len(wanted) == 1:
        data = read(wanted[0])
        return [data if place is not None else None for place in places]
    parts: dict[ByteRange, bytes] = {}
    for run in runs_of(sorted(set(wanted), key=lambda place: place.start)):
        start, stop = run[0].start, max(place.stop for place in run)
        data = read(ByteRange(start, stop))
        parts |= {place: data[place.start - start : place.stop - start] for place in run}
    return [parts[place] if place is not None else None for place in places]


def runs_of(
    places: Sequence[ByteRange], gap_bytes: int = GAP_BYTES, most_bytes: int | None = None
) -> list[list[ByteRange]]:
    """Split ascending ranges at gaps that are too wide, and where a run would be too long.

    Args:
        places: the ranges by their starts.
        gap_bytes: largest gap within a run.
        most_bytes: longest run of several ranges; None: any.
    """
    runs: list[list[ByteRange]] = []
    start = stop = 0
    for place in places:
        is_near = bool(runs) and place.start - stop <= gap_bytes
        if is_near and (most_bytes is None or place.stop - start <= most_bytes):
            runs[-1].append(place)
        else:
            runs.append([place])
            start = place.start
        stop = max(stop, place.stop)
    return runs
