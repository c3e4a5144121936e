"""COGDumper behind a Flask view, with the file opened and its header read once for each thread.

Once for each thread, because its reader is a seek and a read, which threads that shared it would mix up.
"""

import threading

from cogdumper.cog_tiles import COGTiff  # type: ignore[import-not-found]
from cogdumper.filedumper import Reader  # type: ignore[import-not-found]
from flask import Flask, Response


class _Local(threading.local):
    def __init__(self, path: str) -> None:
        self.cog = COGTiff(Reader(open(path, "rb")).read)  # noqa: SIM115
        self.cog.read_header()


def create(path: str) -> Flask:
    """Make the app for the file at a path."""
    local = _Local(path)
    app = Flask(__name__)

    @app.get("/layers/<layer>/tiles/<grid>/<int:z>/<int:x>/<int:y>.jpg")
    def tile(layer: str, grid: str, z: int, x: int, y: int) -> Response:
        mime_type, data = local.cog.get_tile(x, y, 0)
        return Response(data, mimetype=mime_type)

    return app
