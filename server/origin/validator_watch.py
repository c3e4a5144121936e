"""Detects an origin that contradicts itself about a file's version, so that the log says why its tiles fail.

Strategy: after a read that met another version than the expected one, the origin is asked for the version. If it then
states the expected version again, a version that differs in the ETag alone, or one that was dropped before, nothing was
replaced: either several servers with ETags of their own answer under one name, or the origin evaluates If-Match
wrongly. A few such contradictions are a line in the log.
"""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from cogread.byterange import Version

log = logging.getLogger(__name__)

CONTRADICTIONS: Final = 3
"""Contradictions that are logged, within `WITHIN_S`."""
WITHIN_S: Final = 3600.0
LOG_AGAIN_S: Final = 600.0
MOST_VERSIONS: Final = 8
"""Dropped versions that are remembered."""

_ADVICE: Final = (
    '; where that cannot be mended, validators = "modified" in [sources.*] of the layer compares size and '
    "Last-Modified instead"
)


class ValidatorWatch:
    """The contradictions of one source. Thread-safe."""

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch a source.

        Args:
            label: layer and source, for the log.
            clock: monotonic seconds.
        """
        self._label = label
        self._clock = clock
        self._mutex = Lock()
        self._dropped: tuple[Version, ...] = ()
        self._noted_at: tuple[float, ...] = ()
        self._quiet_until = float("-inf")

    def note(self, dropped: Version, stated: Version) -> None:
        """Note the version that the origin stated after another one was dropped."""
        with self._mutex:
            self._dropped = (*self._dropped, dropped)[-MOST_VERSIONS:]
            if not any(_contradicts(version, stated) for version in self._dropped):
                return
            now = self._clock()
            self._noted_at = (*self._noted_at, now)[-CONTRADICTIONS:]
            is_often = len(self._noted_at) == CONTRADICTIONS and now - self._noted_at[0] <= WITHIN_S
            if not is_often or now < self._quiet_until:
                return
            self._quiet_until = now + LOG_AGAIN_S
            versions = [stated, *self._dropped]
        log.warning("%s: %s", self._label, _explanation(versions))


def _contradicts(dropped: Version, stated: Version) -> bool:
    """True if the file cannot have been replaced between the two."""
    if dropped.same_as(stated):
        return True
    same_size = dropped.size_bytes == stated.size_bytes
    return same_size and stated.modified is not None and dropped.modified == stated.modified


def _explanation(versions: list[Version]) -> str:
    etags, dates = _stated([version.etag for version in versions]), _stated([version.modified for version in versions])
    if len(dates) > 1:
        by_turns = f"Last-Modified {' and '.join(dates)}" + (f", ETag {' and '.join(etags)}" if len(etags) > 1 else "")
        return f"the origin states several versions of the file by turns ({by_turns}): its servers have to agree"
    if len(etags) > 1:
        return (
            f"the ETags of the origin do not agree ({' and '.join(etags)}, by turns, of the same size and "
            f"Last-Modified), so reads are taken for those of a replaced file{_ADVICE if dates else ''}"
        )
    return (
        f"the origin states the ETag {etags[0] if etags else 'none'}, but answers 412 or another ETag to reads that "
        f"expect it (If-Match), so they are taken for those of a replaced file{_ADVICE if dates else ''}"
    )


def _stated(values: list[str | None]) -> list[str]:
    """The distinct values, escaped and bounded for the log."""
    return [ascii(value[:60]) for value in dict.fromkeys(values) if value is not None]
