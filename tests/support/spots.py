"""Tiles of served layers: where they are in their files, what a server says of them, and GDAL's view of the files."""

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import rasterio
from rasterio.io import DatasetReader
from urllib3 import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

IMAGE, MASK = "tiles", "mask"
CODINGS: Final = "deflate, zstd"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Spot:
    """A tile of one plane of an image, or of its mask."""

    layer: str
    path: Path
    kind: str
    level: int
    """0 is the full resolution."""
    overview: int | None
    """GDAL's number of the level."""
    col: int
    row: int
    plane: int
    window: tuple[int, int, int, int]
    """Column, row, width and height of the part within the image, in pixels of the level."""
    stored: str | None
    """SHA-256 of the stored bytes, None for a sparse tile."""


class Datasets:
    """GDAL's views of files, opened as they are wanted, for the length of a `with`."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int | None], DatasetReader] = {}
        self._stack = ExitStack()

    def level(self, spot: Spot) -> DatasetReader:
        """The level of a tile."""
        return self._get(str(spot.path), spot.overview)

    def raw(self, spot: Spot) -> DatasetReader:
        """The same, with the samples as they are stored: CMYK, say, as it is."""
        return self._get(f"GTIFF_RAW:{spot.path}", spot.overview)

    def full(self, spot: Spot) -> DatasetReader:
        """The image, whose scale and offset an overview does not have."""
        return self._get(str(spot.path), None)

    def _get(self, name: str, overview: int | None) -> DatasetReader:
        dataset = self._open.get((name, overview))
        if dataset is None:
            options = {} if overview is None else {"OVERVIEW_LEVEL": overview}
            self._open[name, overview] = dataset = self._stack.enter_context(rasterio.open(name, **options))
        return dataset

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Reply(NamedTuple):
    """A reply, its body without any content coding undone."""

    status: int
    headers: dict[str, str]
    body: bytes
    faults: tuple[str, ...]
    """In what the HEAD of the same differs."""


class Client:
    """A client of a server of layers; one connection, reused."""

    def __init__(self, port: int) -> None:
        self._pool = HTTPConnectionPool("127.0.0.1", port, timeout=30)
        self._layers: dict[str, Any] = {}
        self._heads: set[tuple[object, ...]] = set()
        """The requests with HEAD."""

    def layer(self, name: str) -> Any:
        """A layer's JSON, of its first reading."""
        if name not in self._layers:
            self._layers[name] = self.ask("GET", f"/layers/{name}").json()
        return self._layers[name]

    def formats(self, spot: Spot) -> list[str]:
        """The formats that are offered at a spot; empty for auto."""
        if spot.kind == MASK:
            return list(self._level(spot)["mask_formats"])
        return [*([""] if self._level(spot)["auto"] else []), *self._level(spot)["formats"]]

    def samples(self, spot: Spot) -> Any:
        """The description of a spot's samples."""
        return self._level(spot)["samples" if spot.kind == IMAGE else "mask_samples"]

    def _level(self, spot: Spot) -> Any:
        return next(level for level in self.layer(spot.layer)["levels"] if level["level"] == spot.level)

    def get(self, spot: Spot, extension: str, query: str = "", accept_encoding: str = "identity") -> Reply:
        """A tile, and of the first one of its kind the HEAD too; without an extension auto."""
        z = len(self.layer(spot.layer)["levels"]) - 1 - spot.level
        suffix = f".{extension}{query}" if extension else query
        url = f"/layers/{spot.layer}/{spot.kind}/native/{z}/{spot.col}/{spot.row}{suffix}"
        full = self.ask("GET", url, accept_encoding)
        headers = {
            name.lower(): value for name, value in full.headers.items() if name.lower() not in ("date", "server")
        }
        kind = (spot.layer, spot.kind, spot.level, spot.stored is None, extension, query, accept_encoding)
        faults = [] if kind in self._heads else self._head_faults(url, accept_encoding, full.status, headers)
        self._heads.add(kind)
        return Reply(full.status, headers, full.data, tuple(faults))

    def _head_faults(self, url: str, accept_encoding: str, status: int, headers: dict[str, str]) -> list[str]:
        head = self.ask("HEAD", url, accept_encoding)
        told = {name.lower(): value for name, value in head.headers.items() if name.lower() in headers}
        faults = [f"HEAD says {name}: {told[name]}" for name in told if told[name] != headers[name]]
        faults += [f"HEAD lacks {name}" for name in headers.keys() - told.keys() - {"content-length"}]
        return faults + ([f"HEAD has status {head.status}"] if head.status != status else [])

    def ask(self, method: str, url: str, accept_encoding: str = "identity") -> BaseHTTPResponse:
        headers = {"Accept-Encoding": accept_encoding}
        return self._pool.request(method, url, headers=headers, decode_content=False, retries=False)
