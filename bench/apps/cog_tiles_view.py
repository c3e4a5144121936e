"""cog-tiles (Rust) behind a Flask view."""

import cog_tiles  # type: ignore[import-not-found]
from flask import Flask, Response


def create(path: str) -> Flask:
    """Make the app for the file at a path, which lies on the grid of web maps."""
    cog = cog_tiles.open(path)
    app = Flask(__name__)

    @app.get("/layers/<layer>/tiles/<grid>/<int:z>/<int:x>/<int:y>.jpg")
    def tile(layer: str, grid: str, z: int, x: int, y: int) -> Response:
        return Response(cog.tile(z, x, y), mimetype=cog.content_type)

    return app
