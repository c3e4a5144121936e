"""The tiles that a target has, and the places of their bodies; equal bodies have one place."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from cogread.wrap.wrapper import Pieces
from server.export.journal import FORMS, RECORD, ROW, Records
from server.export.picture import Picture
from server.export.target import Item


class Ledger:
    """All tiles, batch by batch."""

    def __init__(self, batches: Sequence[Records]) -> None:
        """Begin with the batches of earlier runs."""
        self._batches = list(batches)
        self._offsets: dict[bytes, int] = {}
        """Digest of a body -> its place."""
        self._end = 0
        for records in batches:
            fields = (records[name].tolist() for name in ("digest", "offset", "size"))
            for digest, offset, size in zip(*fields, strict=True):
                self._offsets[digest] = offset
                self._end = max(self._end, offset + size)

    @property
    def batches(self) -> int:
        """Number of batches."""
        return len(self._batches)

    @property
    def records(self) -> Records:
        """All tiles."""
        return np.concatenate([np.empty(0, RECORD), *self._batches])

    def enter(self, pictures: Sequence[Picture]) -> tuple[list[Item], Records]:
        """Place the bodies of a batch, and note its tiles."""
        items, rows = [], []
        for picture in pictures:
            digest = _digest(picture.pieces)
            size = sum(map(len, picture.pieces))
            offset = self._offsets.setdefault(digest, self._end)
            is_new = offset == self._end
            if is_new:
                self._end += size
            items.append(Item(picture, offset, size, is_new))
            form = FORMS.index(picture.media_type)
            rows.append(ROW.pack(picture.id, offset, size, form, picture.z, picture.x, picture.y, digest))
        records = np.frombuffer(b"".join(rows), RECORD)
        self._batches.append(records)
        return items, records


def _digest(pieces: Pieces) -> bytes:
    """The digest of a body. The last piece is nearly all of it, and those before are the same in most tiles."""
    *starts, rest = pieces
    return xxh3_128_digest(rest, _seed(b"".join(starts)) if starts else 0)


_seed = lru_cache(16)(xxh3_64_intdigest)
"""Digest of the pieces before the last one."""
