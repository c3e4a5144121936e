"""The services that a layer's JSON and page name, and why it is not in the others: as their own documents show."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from rasterio.transform import Affine

from tests.support.app import client, layer
from tests.support.geotiffs import in_crs
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff
from tests.support.wmts import capabilities

FILES: Final = {
    "utm": (in_crs("EPSG:32630", Affine(10, 0, 430000, 0, -10, 4480000)), None),
    "south-up": (in_crs("EPSG:32630", Affine(10, 0, 430000, 0, 10, 4480000)), "it is south-up: its rows run upwards"),
    "mirrored": (in_crs("EPSG:32630", Affine(-10, 0, 430000, 0, -10, 4480000)), "it is mirrored"),
    "rotated": (gdal_tiff("odd-factors"), "it is rotated"),
    "oblong-pixels": (in_crs("EPSG:32630", Affine(10, 0, 430000, 0, -20, 4480000)), "its pixels are not square"),
    "nowhere": (in_crs("", Affine(10, 0, 430000, 0, -10, 4480000)), "it states no CRS"),
    "aligned": (web_mercator_tiff(), None),
    "aligned-values": (web_mercator_tiff(compress="LERC", width=600, height=500, dtype="float32"), None),
}
"""Name -> file, and the beginning of why no tile matrix set describes it; None: one does."""
GDAL: Final = {"gdal.vrt": "gdal", "gdal.xml": "gdal-wms"}
"""Documents for GDAL, with the relation of their links."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder: Path = tmp_path_factory.mktemp("layers")
    for name, (data, _) in FILES.items():
        (folder / f"{name}.tif").write_bytes(data)
    return client(folder, "".join(layer(name, f"{name}.tif") for name in FILES))


@pytest.fixture(scope="module")
def present(app: FlaskClient) -> dict[str, set[str]]:
    """Service -> layers that its own documents have."""
    maps = ET.fromstring(app.get("/tms/1.0.0").data).iter("TileMap")
    return {
        "wmts": {name.text for name in capabilities(app).iterfind(".//{*}Contents/{*}Layer/{*}Identifier")},
        "ogc-tiles": {each["id"] for each in app.get("/collections").get_json()["collections"]},
        "tms": {each.attrib["href"].rpartition("/")[2] for each in maps},
        "tilejson": {name for name in FILES if app.get(f"/layers/{name}/tilejson.json").status_code == 200},
        **{service: {n for n in FILES if app.get(f"/layers/{n}/{service}").status_code == 200} for service in GDAL},
    }


@pytest.mark.parametrize("name", FILES)
def test_a_layer_names_the_services_that_have_it(name: str, app: FlaskClient, present: dict[str, set[str]]) -> None:
    about = app.get(f"/layers/{name}").get_json()
    for service, layers in present.items():
        assert (service in about["services"]) == (name in layers), service
        assert (service in about["services_not_offered"]) == (name not in layers), service
    linked = {link["rel"].rpartition("/")[2] for link in about["links"]}
    rels = {"wmts": "wmts", "ogc-tiles": "tilesets-map", "tms": "tms", "tilejson": "tilejson", **GDAL}
    assert {service for service, rel in rels.items() if rel in linked} == set(about["services"]) & rels.keys()


@pytest.mark.parametrize("name", FILES)
def test_the_reason_stands_in_the_json_and_on_the_page(name: str, app: FlaskClient) -> None:
    refused = app.get(f"/layers/{name}").get_json()["services_not_offered"]
    reason = FILES[name][1]
    for service in ("wmts", "ogc-tiles"):
        assert refused.get(service, "").startswith(reason or "")
        assert (service in refused) == (reason is not None)
    if name == "utm":
        assert refused["tms"] == refused["tilejson"]
        assert "its CRS is EPSG:32630, that of web maps EPSG:3857" in refused["tms"]
    if name == "aligned-values":
        assert "no format that browsers show" in refused["tilejson"]
    page = app.get(f"/layers/{name}", headers={"Accept": "text/html"}).text
    assert ("Not offered" in page) == bool(refused)
    for reason in refused.values():
        assert f"<dd>{escape(reason)}</dd>" in page
