"""Labels of metrics: true to the requests, and bounded by the configuration. One process, without gunicorn."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.app import client, layer
from tests.support.metrics import Samples, parse, total
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

ON = "[server]\nmetrics = true\n"
KVP = (
    "/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER={name}&STYLE=default&FORMAT=image/jpeg"
    "&TILEMATRIXSET=native.{name}&TILEMATRIX=0&TILEROW=0&TILECOL=0"
)


def scraped(app: FlaskClient) -> Samples:
    return parse(app.get("/metrics").text)


def requests_of(app: FlaskClient, before: Samples) -> dict[tuple[str, str, str], int]:
    """Group, format and status of the requests since a scrape -> their number; scrapes themselves are left out."""
    counts = {}
    for key, value in scraped(app).items():
        labels = dict(key[1])
        if key[0] == "rawcog_requests_total" and labels["format"] != "plain" and value > before.get(key, 0):
            counts[labels["group"], labels["format"], labels["status"]] = int(value - before.get(key, 0))
    return counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cogs").mkdir()
    for name in ("a.tif", "cogs/x.tif", "cogs/y.tif"):
        (tmp_path / name).write_bytes(gdal_tiff("jpeg-ycbcr"))
    return tmp_path


def test_layers_and_collections_by_name_and_unknown_names_by_none(folder: Path) -> None:
    app = client(folder, ON + layer("a", "a.tif") + "[collections.many]\nfolder = 'cogs'\n")
    before = scraped(app)
    version = app.get("/layers/a").get_json()["version"]
    for path in (
        "/layers/a/tiles/native/0/0/0.jpg",
        f"/layers/a@{version}/tiles/native/0/0/0.jpg",
        "/layers/a/tiles/native/0/0/0",
        "/layers/a/mask/native/0/0/0.png",
        "/layers/a/tiles/native/0/0/0.evil",
        "/layers/many:x/tiles/native/0/0/0.jpg",
        "/layers/many:y/tiles/native/0/0/0.tif",
        "/layers/evil/tiles/native/0/0/0.jpg",
        "/layers/evil",
        "/layers/evil:x",
        "/evil",
        KVP.format(name="a"),
        KVP.format(name="evil"),
        "/wmts/1.0.0/a/default/native.a/0/0/0.jpg",
        "/collections/a/map/tiles/native/0/0/0?f=jpg",
    ):
        app.get(path)
    assert requests_of(app, before) == {
        ("a", "json", "200"): 1,
        ("a", "jpg", "200"): 5,
        ("a", "auto", "200"): 1,
        ("a", "png", "404"): 1,
        ("a", "", "404"): 1,
        ("many", "jpg", "200"): 1,
        ("many", "tif", "200"): 1,
        ("", "jpg", "404"): 1,
        ("", "jpg", "400"): 1,
        ("", "problem+json", "404"): 3,
    }


def test_many_layers_are_counted_by_their_source(folder: Path) -> None:
    app = client(folder, ON + "".join(layer(f"a{number}", "a.tif") for number in range(101)))
    before = scraped(app)
    for number in range(101):
        app.get(f"/layers/a{number}/tiles/native/0/0/0.jpg")
    assert requests_of(app, before) == {("source:file", "jpg", "200"): 101}


def test_tiers_reads_and_failures_of_origins(folder: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", (folder / "a.tif").read_bytes())
        source = "[sources.mine]\ntype = 'http'\n"
        app = client(
            folder,
            ON + source + layer("a", f"{origin.url}/a.tif", "source = 'mine'") + layer("dead", "http://127.0.0.1:9/"),
        )
        before = scraped(app)
        for _ in range(4):
            app.get("/layers/a/tiles/native/0/0/0.jpg")
        app.get("/layers/dead/tiles/native/0/0/0.jpg")
        reads = len(origin.requests)
    after = scraped(app)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    tiles = {
        tier: grown("rawcog_request_seconds_count", kind="tile", tier=tier) for tier in ("origin", "memory", "reply")
    }
    assert tiles == {"origin": 2, "memory": 1, "reply": 2}
    assert grown("rawcog_hits_total", kind="tile", tier="origin") == 1
    assert grown("rawcog_hits_total", kind="tile", tier="memory") == 1
    assert grown("rawcog_origin_read_seconds_count", source="mine") == reads
    assert grown("rawcog_origin_bytes_total", source="mine") >= len(gdal_tiff("jpeg-ycbcr"))
    assert grown("rawcog_origin_errors_total", source="http", error="SourceUnreachable") >= 1
    assert total(after, "rawcog_open_layers") >= 1
    assert total(after, "rawcog_inflight_budget_bytes") == 256 << 20
