"""The progress of an export, so that a killed one goes on where it was.

The journal lies beside the unfinished target. It begins with a line that identifies the export; a record of each batch
follows, once the batch is in the target. A record that was cut off, and what the target has beyond the last record, is
written again. The line names the boot of the machine: after a power failure the target may lack bytes that were written
before those of the journal.
"""

import fcntl
import json
import os
from pathlib import Path
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from cogread.wrap import WRAPPERS
from server.export.errors import ExportError

RECORD: Final = np.dtype(
    [
        ("id", "<u8"),
        ("offset", "<u8"),
        ("size", "<u4"),
        ("form", "u1"),
        ("z", "u1"),
        ("x", "<u4"),
        ("y", "<u4"),
        ("digest", "V16"),
    ]
)
"""A tile: its number in PMTiles; the place of its body among the bodies of all tiles, where equal ones are one; the
position of its media type in `FORMS`; z, x, y; the digest of its body."""
ROW: Final = Struct("<QQIBBII16s")
"""A record as Python's struct."""
FORMS: Final = tuple(dict.fromkeys(wrapper.media_type for wrapper in WRAPPERS.values()))
_HEAD: Final = Struct("<4sIQ")
_MAGIC: Final = b"tile"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

Records = NDArray[Any]


class Journal:
    """The batches that a target has."""

    def __init__(self, path: Path, identity: dict[str, Any], *, is_discarded: bool = False) -> None:
        """Open the journal, or begin it.

        Args:
            path: of the journal.
            identity: all that the bytes of the target depend on.
            is_discarded: whether a journal of another export is overwritten.

        Raises:
            ExportError: another process writes it, or it is of another export.
        """
        self.path = path
        self.batches: list[Records] = []
        """Those of runs before this one."""
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ExportError(f"{path}: another process writes this export") from error
        if not os.fstat(self._file.fileno()).st_nlink:  # removed between the opening and the lock
            self._file.close()
            raise ExportError(f"{path}: another process has just ended this export")
        line = json.dumps({**identity, "boot": _BOOT.read_text().strip() if _BOOT.exists() else ""}).encode() + b"\n"
        self._start = len(line)
        before = self._file.readline()
        if before.endswith(b"\n") and before != line and not is_discarded:
            self._file.close()
            raise ExportError(f"{path}: {_difference(before, line)}; --overwrite begins anew")
        if before == line:
            self._load()
        else:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(line)
            self._file.flush()

    def append(self, records: Records) -> None:
        """Record a batch that the target has."""
        data = records.tobytes()
        self._file.write(_HEAD.pack(_MAGIC, len(records), xxh3_64_intdigest(data)) + data)
        self._file.flush()

    def restart(self) -> None:
        """Forget all batches: their target is gone."""
        self.batches = []
        self._file.seek(self._start)
        self._file.truncate()

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()

    def remove(self) -> None:
        """Remove the file of a finished export."""
        self.path.unlink()
        self.close()

    def _load(self) -> None:
        size_bytes = os.fstat(self._file.fileno()).st_size
        while True:
            sound = self._file.tell()
            head = self._file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                break
            magic, count, digest = _HEAD.unpack(head)
            if magic != _MAGIC or sound + len(head) + count * RECORD.itemsize > size_bytes:
                break
            data = self._file.read(count * RECORD.itemsize)
            if xxh3_64_intdigest(data) != digest:
                break
            self.batches.append(np.frombuffer(data, RECORD))
        self._file.seek(sound)
        self._file.truncate()


def _difference(before: bytes, line: bytes) -> str:
    """The first of the fields by which two exports differ."""
    try:
        old, new = json.loads(before), json.loads(line)
        name = next(name for name in new if old.get(name) != new[name])
    except (ValueError, AttributeError, StopIteration):
        return "not the journal of an export"
    if name == "boot":
        return "the machine was restarted since this export was interrupted, and may have lost a part of it"
    if name == "source":
        return "the source was replaced since this export was interrupted"
    return f"the interrupted export has {name} {old.get(name)!r}, this one {new[name]!r}"
