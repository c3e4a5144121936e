"""Exports of layers: all their tiles, as they are served, in one file or folder."""

TARGETS: dict[str, str] = {".pmtiles": "server.export.pmtiles", ".mbtiles": "server.export.mbtiles"}
"""Suffix of a target -> module with `make(part: Path, extension: str) -> Target` and `tiles_of(path: Path) ->
Iterator[Tile]`, imported at its use: the package `pmtiles` is an extra."""

FOLDER = "server.export.folder"
"""The module of other targets."""
