"""A target of exports, as the modules of the table TARGETS implement it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from server.documents import Json
from server.export.journal import Records
from server.export.picture import Picture


class About(NamedTuple):
    """The metadata of an export."""

    tilejson: Json
    """TileJSON 3.0; the URL template is for the folder."""
    media_types: tuple[str, ...]
    """Those of its tiles, first those that can be transparent: a reader expects the first."""


class Item(NamedTuple):
    """A tile to write."""

    picture: Picture
    offset: int
    """Place of its body; see `RECORD`."""
    size_bytes: int
    is_new: bool
    """False: the target has the same body at that place."""


Tile = tuple[int, int, int, bytes]
"""A tile of an export: z, x, y, body."""


class Target(Protocol):
    """An unfinished target under its working name."""

    def resume(self, records: Records) -> None:
        """Go on behind these tiles; what is beyond them will be written again."""
        ...

    def add(self, items: Sequence[Item]) -> None:
        """Write a batch, which may be there already.

        Raises:
            ExportError: a tile has a form that the target cannot hold.
            OSError: such as no space left on the disk.
        """
        ...

    def finish(self, about: About, records: Records) -> None:
        """Write the metadata and the directory of all tiles."""
        ...

    def close(self) -> None:
        """Close the files, finished or not."""
        ...
