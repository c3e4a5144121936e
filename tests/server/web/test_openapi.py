"""`/api`: a description of all endpoints that is valid, complete and true, tried by schemathesis."""

import re
from collections import Counter
from typing import Any, Final

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server import create_app
from server.documents.openapi import document
from tests.support import app as support
from tests.support.tiffs import gdal_tiff
from tests.support.webmercator import web_mercator_tiff

Json = dict[str, Any]
Operation = APIOperation[Any, Any, Any, Any]

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNPACKED: Final = {"Accept-Encoding": "identity"}
"""Called without a network, schemathesis asks for gzip and does not unpack it."""
KINDS: Final = ("jpeg-mask", "zstd-float", "odd-factors", "sparse", "planar")
NAMES: Final = (*KINDS, "aligned", "gone", "files", "files:planar")
SETS: Final = ("WebMercatorQuad", *(f"native.{name}" for name in NAMES))
PATHS: Final = tuple(document("", "", has_metrics=True)["paths"])
EXAMPLES: Final = 10

_PLANAR: Final[Json] = {"layer": "planar", "grid": "native", "z": 1, "x": 1, "y": 0}
_SET: Final[Json] = {"layer": "planar", "style": "default", "tileMatrixSetId": "native.planar", "tileMatrix": "1"}
TILES: Final[dict[str, Json]] = {
    "/collections/{layer}/map/tiles/{grid}/{tileMatrix}/{tileRow}/{tileCol}": {
        "layer": "planar",
        "grid": "native",
        "tileMatrix": "1",
        "tileRow": 0,
        "tileCol": 1,
    },
    "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}.{format}": {**_PLANAR, "format": "bin"},
    "/layers/{layer}/tiles/{grid}/{z}/{x}/{y}": {**_PLANAR, "layer": "jpeg-mask", "x": 0, "y": 1},
    "/layers/{layer}/mask/{grid}/{z}/{x}/{y}.{format}": {
        **_PLANAR,
        "layer": "jpeg-mask",
        "x": 0,
        "y": 1,
        "format": "png",
    },
    "/wmts/1.0.0/{layer}/{style}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": {
        **_SET,
        "row": 0,
        "col": 1,
        "format": "tif",
    },
    "/wmts/1.0.0/{layer}/{style}/{time}/{tileMatrixSetId}/{tileMatrix}/{row}/{col}.{format}": {
        **_SET,
        "layer": "years",
        "tileMatrixSetId": "native.years",
        "time": "2024",
        "row": 0,
        "col": 1,
        "format": "tif",
    },
    "/tms/1.0.0/{layer}/{z}/{x}/{y}.{format}": {"layer": "aligned", "z": 14, "x": 8432, "y": 10415, "format": "webp"},
    "/layers/{layer}/tilejson.json": {"layer": "aligned"},
}
"""Tiles and a document that there are: of so many that there may be, others are hardly found."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("layers")
    for kind in KINDS:
        (folder / f"{kind}.tif").write_bytes(gdal_tiff(kind))
    (folder / "aligned.tif").write_bytes(web_mercator_tiff(width=400, height=300))
    config = "".join(support.layer(name, f"{name}.tif") for name in NAMES if "files" not in name)
    config += "[server]\nmetrics = true\n[collections.files]\nfolder = '.'\n"
    (folder / "2024.tif").write_bytes(gdal_tiff("planar"))
    config += "[collections.years]\nuri = '{year}.tif'\nmatch = { year = '2024' }\ntime = '{year}'\n"
    return create_app(support.settings(folder, config))


@pytest.fixture(scope="module")
def described(app: Flask) -> Json:
    reply = app.test_client().get("/api")
    assert reply.content_type == "application/vnd.oai.openapi+json;version=3.0"
    body: Json = reply.get_json(force=True)
    return body


def test_the_description_is_valid(described: Json) -> None:
    OpenAPIV30SpecValidator(described).validate()


def test_every_endpoint_is_described(app: Flask, described: Json) -> None:
    """But for the files of the pages, what proxies ask, and what explains URLs of tiles that are none."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    served = {re.sub("<[^>]*>", "{}", rule) for rule in rules if not re.search("<(path|rest):|favicon", rule)}
    assert served <= {re.sub("{[^}]*}", "{}", path) for path in described["paths"]}


def test_what_the_tile_operations_are_called(described: Json) -> None:
    """OGC 20-057, /req/oas30/operation-id: clients find them by the ends of their names."""
    identifiers = [path["get"]["operationId"] for path in described["paths"].values()]
    assert len(set(identifiers)) == len(identifiers)
    for suffix in ("getTileSetsList", "getTileSet", "getTile"):
        assert [name for name in identifiers if name.endswith(f".collection.map.{suffix}")]


def operation(app: Flask, described: Json, path: str) -> Operation:
    """An operation, its parameters narrowed to what leads to layers and tiles that there are, most of the time."""
    narrow = {"layer": NAMES, "versionedLayer": (*NAMES, "planar@0"), "wmts-layer": NAMES}
    narrow |= {"tileMatrixSetId": SETS, "wmts-set": SETS, "tileMatrix": ("0", "1", "12"), "wmts-matrix": ("0", "1")}
    parameters = dict(described["components"]["parameters"])
    for name, values in narrow.items():
        parameters[name] = {**parameters[name], "schema": {"type": "string", "enum": list(values)}}
    for name in ("z", "x", "y", "row", "col", "tileRow", "tileCol", "wmts-row", "wmts-col"):
        parameters[name] = {**parameters[name], "schema": {"type": "integer", "minimum": 0, "maximum": 1}}
    narrowed = {**described, "components": {**described["components"], "parameters": parameters}}
    schema = openapi.from_dict(narrowed)
    schema.app = app
    return schema[path]["GET"]


@pytest.mark.parametrize("path", PATHS)
def test_replies_are_as_described(path: str, app: Flask, described: Json) -> None:
    tried = operation(app, described, path)
    codes = statuses(tried, GenerationMode.POSITIVE)
    if path in TILES:
        case = tried.Case(path_parameters=TILES[path])
        assert case.call_and_validate(headers=UNPACKED, checks=CHECKS).status_code == 200
    else:
        assert 200 in codes


@pytest.mark.parametrize(
    "path", [path for path, item in document("", "", has_metrics=True)["paths"].items() if "parameters" in item["get"]]
)
def test_replies_to_what_is_not_asked_as_described_are_too(path: str, app: Flask, described: Json) -> None:
    """Whatever is asked, no reply is a fault of the server."""
    assert statuses(operation(app, described, path), GenerationMode.NEGATIVE)


def statuses(tried: Operation, mode: GenerationMode) -> Counter[int]:
    """Check replies to generated requests; how many there were of each status."""
    counts: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=tried.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        reply = case.call(headers=UNPACKED)
        counts[reply.status_code] += 1
        case.validate_response(reply, checks=CHECKS)

    run()
    return counts
