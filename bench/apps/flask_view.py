"""The cost of a web framework: a Flask view that returns replies recorded from rawcog."""

import pickle
from pathlib import Path

from flask import Flask, Response


def create(recording: str) -> Flask:
    """Make the app from a file of replies."""
    replies = pickle.loads(Path(recording).read_bytes())
    app = Flask(__name__)

    @app.get("/layers/<layer>/tiles/<grid>/<int:z>/<int:x>/<int:y>.jpg")
    def tile(layer: str, grid: str, z: int, x: int, y: int) -> Response:
        status, headers, body = replies[f"/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.jpg"]
        return Response(body, status, headers)

    return app
