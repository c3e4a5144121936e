"""Lists of more layers than a worker keeps the headers of."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from threading import BrokenBarrierError as Alone

import pytest
from flask.testing import FlaskClient

from server.layers.catalog import Layer
from server.layers.layer_version import OpenLayer
from server.layers.summaries import ByVersion
from server.web import layers
from tests.support.app import client, layer
from tests.support.tiffs import KINDS, gdal_tiff

COUNT = 60
"""A quarter of the least memory holds the headers of some ten of them."""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    for number in range(COUNT):
        (tmp_path / f"{number}.tif").write_bytes(gdal_tiff("jpeg-grey"))
    config = "".join(layer(f"l{number}", f"{number}.tif") for number in range(COUNT))
    app = client(tmp_path, f"[server]\nmemory_bytes = {1 << 20}\n{config}")
    monkeypatch.setattr(layers, "OPEN_ALL_S", 60)
    assert {row["status"] for row in app.get("/layers").get_json()["layers"]} == {"ok"}
    monkeypatch.setattr(layers, "OPEN_ALL_S", 0)  # from now on no list waits for a file to be opened
    return app


def test_a_list_does_not_open_again_what_it_knows(app: FlaskClient) -> None:
    rows = app.get("/layers").get_json()["layers"]
    assert [row["name"] for row in rows] == [f"l{number}" for number in range(COUNT)]
    assert {row["status"] for row in rows} == {"ok"}
    assert app.get("/", headers={"Accept": "text/html"}).text.count("<img") >= COUNT


def test_a_list_knows_a_replaced_file_by_its_new_version(
    app: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_bytes(gdal_tiff("jpeg-mask"))
    os.replace(tmp_path / "new", tmp_path / "7.tif")
    (tmp_path / "8.tif").unlink()
    monkeypatch.setattr(layers, "OPEN_ALL_S", 60)
    rows = {row["name"]: row for row in app.get("/layers").get_json()["layers"]}
    assert rows["l7"]["height"] == KINDS["jpeg-mask"].height != KINDS["jpeg-grey"].height
    assert rows["l8"]["status"] == "error"
    assert rows["l9"]["status"] == "ok"


def test_what_many_ask_for_at_once_is_worked_out_once(app: FlaskClient) -> None:
    """A hundred CRSs, of which PROJ takes its time for each, in each of 32 threads would be minutes."""
    calls: Counter[str] = Counter()
    together = Barrier(2)

    def work_out(layer: Layer, opened: OpenLayer) -> int:
        calls[layer.config.name] += 1
        if layer.config.name == "l0":
            try:
                together.wait(0.3)  # for another that works out the same
            except Alone:
                return 1
        return 0

    known = ByVersion(app.application.extensions["rawcog"].catalog, work_out)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: known.of_all(60, 60), range(8)):
            assert len(found) == COUNT
    assert calls == {f"l{number}": 1 for number in range(COUNT)}
