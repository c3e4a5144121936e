"""A tile of an export: the file that the server sends, with its place."""

from typing import NamedTuple

from cogread.wrap.wrapper import Pieces


class Picture(NamedTuple):
    """A tile."""

    id: int
    """Its number in PMTiles; see `tile_ids`."""
    z: int
    x: int
    y: int
    media_type: str
    pieces: Pieces
    """The file, as the server sends it."""

    @property
    def body(self) -> bytes:
        """The file as a whole."""
        return b"".join(self.pieces)
