"""Whatever is wrong with one file costs that layer alone: in every list, every document and at the start."""

import logging
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from cogread.wrap import wrappers_of
from server.layers.summaries import RETRY_FAILED_S
from server.layers.tile_matrix_sets import native_set
from server.resilience import layer_fault
from server.settings import banner
from tests.support.app import client, layer, problem, settings
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

DAMAGES: Final[dict[str, Callable[[int, int, int], tuple[int, int, int]]]] = {
    "ascii": lambda kind, count, value: (2, count, value),
    "float": lambda kind, count, value: (11, count, value),
    "unknown-type": lambda kind, count, value: (99, count, value),
    "no-values": lambda kind, count, value: (kind, 0, value),
    "many-values": lambda kind, count, value: (kind, 2**31, value),
    "zero": lambda kind, count, value: (kind, count, 0),
    "highest": lambda kind, count, value: (kind, count, 2**32 - 1),
}
"""Name -> (type, count, value or place) of an entry, damaged."""

GOOD: Final = "good"

LISTS: Final = (
    ("/layers", "application/json"),
    ("/", "text/html"),
    ("/?f=json", "application/json"),
    ("/collections?limit=1000", "application/json"),
    ("/tileMatrixSets?limit=1000", "application/json"),
    ("/wmts?service=WMTS&request=GetCapabilities", "application/xml"),
    ("/wmts/1.0.0/WMTSCapabilities.xml", "application/xml"),
    ("/tms/1.0.0", "application/xml"),
    ("/api", "application/json"),
)

DOCUMENTS: Final = (
    "/layers/{}",
    "/layers/{}/tilejson.json",
    "/layers/{}/gdal.xml",
    "/collections/{}",
    "/collections/{}/map/tiles",
    "/collections/{}/map/tiles/native",
    "/tileMatrixSets/native.{}",
    "/tms/1.0.0/{}",
    "/layers/{}/tiles/native/0/0/0.tif",
    "/layers/{}/tiles/native/0/0/0.jpg",
    "/layers/{}/tiles/native/0/0/0.png",
)


def damaged(data: bytes, damage: str) -> Iterator[tuple[str, bytes]]:
    """Copies of a classic little-endian file, each with another entry of its first directory damaged."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, *entry = struct.unpack_from("<HHII", data, at)
        changed = bytearray(data)
        struct.pack_into("<HII", changed, at + 2, *DAMAGES[damage](*entry))
        yield f"{damage}-{tag}", bytes(changed)


def of_good(app: FlaskClient) -> dict[str, Any]:
    """The entries of the good layer in the lists, all of which have to be there."""
    replies = {url: app.get(url, headers={"Accept": media_type}) for url, media_type in LISTS}
    assert {reply.status_code for reply in replies.values()} == {200}
    rows = {
        "layers": replies["/layers"].get_json()["layers"],
        "collections": replies["/collections?limit=1000"].get_json()["collections"],
        "sets": replies["/tileMatrixSets?limit=1000"].get_json()["tileMatrixSets"],
    }
    said: dict[str, Any] = {
        name: [row for row in entries if row.get("name", row.get("id")) in (GOOD, f"native.{GOOD}")]
        for name, entries in rows.items()
    }
    for url in ("/wmts/1.0.0/WMTSCapabilities.xml", "/wmts?service=WMTS&request=GetCapabilities"):
        [said[url]] = [part for part in replies[url].text.split("<Layer>") if f"<ows:Identifier>{GOOD}<" in part]
        said[url] = said[url].partition("</Layer>")[0]
    said["/tms/1.0.0"] = replies["/tms/1.0.0"].text.count(f"/tms/1.0.0/{GOOD}")
    said["/"] = replies["/"].text.count(f"/layers/{GOOD}@")
    assert all(said.values())
    return said


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists wait until all files are open."""
    monkeypatch.setattr("server.layers.openers.PATIENCE_S", 60)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("kind", ["deflate", "jpeg-ycbcr"])
def test_a_damaged_tag_costs_its_layer_alone(kind: str, tmp_path: Path) -> None:
    (tmp_path / f"{GOOD}.tif").write_bytes(web_mercator_tiff())
    wanted = of_good(client(tmp_path, layer(GOOD, f"{GOOD}.tif")))
    files = dict(pair for damage in DAMAGES for pair in damaged(gdal_tiff(kind), damage))
    for name, data in files.items():
        (tmp_path / f"{name}.tif").write_bytes(data)
    config = "".join(layer(name, f"{name}.tif") for name in (*files, GOOD))
    app = client(tmp_path, config)
    assert of_good(app) == wanted
    rows = {row["name"]: row for row in app.get("/layers").get_json()["layers"]}
    broken = {name for name in files if rows[name]["status"] == "error"}
    assert all(rows[name]["reason"] for name in broken)
    assert 30 < len(broken) < len(files)
    for name in files:
        for url in DOCUMENTS:
            reply = app.get(url.format(name))
            assert reply.status_code in (200, 204, 404, 502), url.format(name)
            if reply.status_code == 502:
                assert problem(reply, 502)
        assert (app.get(f"/layers/{name}").status_code == 502) == (name in broken)
    assert (
        banner.banner(settings(tmp_path, config), ("127.0.0.1", 80), is_tls=False)
        .splitlines()[-1]
        .startswith("Try:  curl -o tile.")
    )


INJECTED: Final = (
    "server.layers.layer_version.grids_of",
    "server.layers.layer_version.wrappers_of",
    "server.documents.summary.preview_of",
    "server.documents.web_maps.misfit",
    "server.documents.wmts.layer.native_set",
    "server.documents.wmts.layer._wgs84",
    "server.documents.ogc.sets.native_set",
    "server.documents.ogc.collections._item",
    "server.documents.layer_json.describe_samples",
    "server.documents.gdal.tiles.data_type",
    "server.tiles.plan.tile_number",
)
"""Functions that take part in what is built of one layer."""


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("place", INJECTED)
def test_an_error_that_was_not_foreseen_costs_its_layer_alone(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("bad", GOOD):
        (tmp_path / f"{name}.tif").write_bytes(gdal_tiff("jpeg-grey") if name == "bad" else web_mercator_tiff())
    wanted = of_good(client(tmp_path, layer(GOOD, f"{GOOD}.tif")))
    app = client(tmp_path, layer("bad", "bad.tif") + layer(GOOD, f"{GOOD}.tif"))
    module, _, function = place.rpartition(".")
    original = getattr(__import__(module, fromlist=[function]), function)
    calls = 0

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal calls
        if any(is_bad(value) for value in args):
            calls += 1
            raise ZeroDivisionError("not foreseen")
        return original(*args, **options)

    monkeypatch.setattr(place, failing)
    monkeypatch.setattr(layer_fault, "_pauses", {})
    monkeypatch.setattr(logging.getLogger("server"), "propagate", True)
    with caplog.at_level(logging.ERROR, layer_fault.__name__):
        assert of_good(app) == wanted
        for url in DOCUMENTS:
            reply = app.get(url.format("bad"))
            assert reply.status_code in (200, 204, 404, 502), url
            assert app.get(url.format(GOOD)).status_code in (200, 404)
    assert calls > 0
    [record] = [record for record in caplog.records if record.name == layer_fault.__name__]
    assert "layer 'bad'" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def is_bad(value: object) -> bool:
    """True of the bad layer and its parts: it alone has one band, and its CRS."""
    for path in ("cog.full.samples", "full.samples", "image.samples", "samples"):
        with suppress(AttributeError):
            return bool(attrgetter(path)(value) == 1)
    return getattr(value, "epsg", None) == 2193 or getattr(getattr(value, "crs", None), "code", None) == "EPSG:2193"


def test_the_banner_passes_over_a_layer_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bad", GOOD):
        (tmp_path / f"{name}.tif").write_bytes(gdal_tiff("jpeg-grey") if name == "bad" else web_mercator_tiff())
    original = wrappers_of

    def failing(level: Any) -> Any:
        if level.image.samples == 1:
            raise ZeroDivisionError("not foreseen")
        return original(level)

    monkeypatch.setattr(banner, "wrappers_of", failing)
    config = layer("bad", "bad.tif") + layer(GOOD, f"{GOOD}.tif")
    assert (
        f"/layers/{GOOD}/tiles/"
        in banner.banner(settings(tmp_path, config), ("127.0.0.1", 80), is_tls=False).splitlines()[-1]
    )


@pytest.mark.usefixtures("patience")
def test_a_layer_that_fails_is_tried_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.tif").write_bytes(gdal_tiff("jpeg-grey"))
    app, is_failing, tries = client(tmp_path, layer("one", "one.tif")), True, 0
    original, now_s = native_set, time.monotonic

    def failing(*args: Any) -> Any:
        nonlocal tries
        tries += 1
        if is_failing:
            raise MemoryError
        return original(*args)

    monkeypatch.setattr("server.documents.wmts.layer.native_set", failing)
    url = "/wmts/1.0.0/WMTSCapabilities.xml"
    assert [app.get(url).status_code for _ in range(3)] == [200] * 3
    assert tries == 1
    is_failing = False
    monkeypatch.setattr("cogread.deadline.monotonic", lambda: now_s() + RETRY_FAILED_S)
    assert "<ows:Identifier>one<" in app.get(url).text
