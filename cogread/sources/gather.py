"""Several byte ranges of a source in as few reads as it takes."""

from collections.abc import Callable, Sequence
from typing import Final

from cogread.byterange import ByteRange

GAP_BYTES: Final = 4096
"""What lies between two ranges that are read as one: less than a round trip costs. GDAL writes a mask's tile, and the
planes of a tile with INTERLEAVE=TILE, 8 bytes behind the tile before."""


def gather(places: Sequence[ByteRange | None], read: Callable[[ByteRange], bytes]) -> list[bytes | None]:
    """Read ranges, those that lie close together at once.

    Args:
        places: the ranges in any order; None where there is nothing to read.
        read: reads one range, whole.

    Returns:
        The bytes of each range, None for None.
    """
    wanted = [place for place in places if place is not None]
    if len(wanted) == 1:
        data = read(wanted[0])
        return [data if place is not None else None for place in places]
    found: dict[ByteRange, bytes] = {}
    for run in _runs(sorted(set(wanted), key=lambda place: place.start)):
        start, stop = run[0].start, max(place.stop for place in run)
        data = read(ByteRange(start, stop))
        found |= {place: data[place.start - start : place.stop - start] for place in run}
    return [found[place] if place is not None else None for place in places]


def _runs(places: Sequence[ByteRange]) -> list[list[ByteRange]]:
    """Cut ranges in ascending order where the gap is too wide."""
    runs: list[list[ByteRange]] = []
    stop = 0
    for place in places:
        if runs and place.start - stop <= GAP_BYTES:
            runs[-1].append(place)
        else:
            runs.append([place])
        stop = max(stop, place.stop)
    return runs
