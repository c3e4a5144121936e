"""A web site of an origin of its own that shows a map, as users of rawcog have.

Its page `/code` runs code as users write it, whose imports are those of npm packages. Libraries are in tests/data; the
module `/ol.js` is the bundle of the pages.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_LIBRARIES: Final = Path(__file__).parents[1] / "data/maps"
_OPENLAYERS: Final = Path(__file__).parents[2] / "server/static/openlayers/ol.js"
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}

_PAGE: Final = b"""<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>a map</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="leaflet.css"><link rel="stylesheet" href="maplibre-gl.css">
<style>body { margin: 0 } #map { width: 400px; height: 300px; background: #000 }</style>
<div id="map"></div><script src="leaflet.js"></script></html>"""

_CODE_PAGE: Final = b"""<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>a map</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="leaflet.css"><link rel="stylesheet" href="maplibre-gl.css">
<style>body { margin: 0 } #map { position: relative; background: #fff; width: 400px; height: 300px }</style>
<script type="importmap">{ "imports": {
  "ol/": "/ol/", "maplibre-gl": "/maplibre-gl.mjs", "pmtiles": "/pmtiles.mjs",
  "@deck.gl/core": "/deck.gl.mjs", "@deck.gl/geo-layers": "/deck.gl.mjs", "@deck.gl/layers": "/deck.gl.mjs",
  "@deck.gl/mesh-layers": "/deck.gl.mjs", "geotiff": "/geotiff.mjs",
  "@developmentseed/deck.gl-geotiff": "/deck.gl-geotiff.mjs"
} }</script>
<div id="map"></div>
<script src="leaflet.js"></script><script src="geotiff.js"></script><script src="openlayers.js"></script>
<script src="deck.gl.js"></script><script src="pmtiles.js"></script></html>"""

_MODULES: Final = {
    "/deck.gl.mjs": b"export const { BitmapLayer, Deck, MapView, TileLayer, CompositeLayer, PathLayer, PolygonLayer, "
    b"SimpleMeshLayer, AmbientLight, LightingEffect, assert, _GlobeViewport, _Tileset2D } = deck",
    "/pmtiles.mjs": b"export const { Protocol } = pmtiles",
    "/geotiff.mjs": b"export const { fromUrl } = GeoTIFF",
}
"""Path -> module of a library that is a global variable."""


class MapSite:
    """A running site for the length of a `with`."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def put(self, name: str, data: bytes) -> None:
        """Serve bytes by ranges."""
        self._server.files[f"/{name}"] = data

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.files: dict[str, bytes] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        name = Path(self.path.partition("?")[0])
        file = _LIBRARIES / f"{name.name}.gz"
        if name.suffix in _TYPES and file.is_file():
            self._send(200, file.read_bytes(), _TYPES[name.suffix], gzip=True)
        elif self.path == "/ol.js":
            self._send(200, _OPENLAYERS.read_bytes(), _TYPES[".js"])
        elif self.path in self.server.files:
            start, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            self._send(206, self.server.files[self.path][int(start) : int(last) + 1], "application/octet-stream")
        elif self.path in _MODULES:
            self._send(200, _MODULES[self.path], _TYPES[".mjs"])
        elif self.path.startswith("/ol/"):
            member = ".".join(name.with_suffix("").parts[1:])
            self._send(200, f"export default {member}".encode(), _TYPES[".js"])
        elif self.path in ("/", "/code"):
            self._send(200, _PAGE if self.path == "/" else _CODE_PAGE, "text/html")
        else:
            self._send(404, b"", "text/plain")

    def _send(self, status: int, body: bytes, media_type: str, *, gzip: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if gzip:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Drop the line."""
