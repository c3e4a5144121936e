"""OGC's schemas of JSON documents, from `tests/data/ogcapi`: whether a document is valid, without a network."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft201909Validator
from jsonschema.protocols import Validator
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4, DRAFT201909

FOLDER: Final = Path(__file__).resolve().parents[1] / "data" / "ogcapi"

Json = dict[str, Any]


def check_tms(name: str, document: Json) -> None:
    """Check a document against a schema of OGC 17-083r4, such as `tileMatrixSet`."""
    _check(_tms(name), document)


def check_api(response: str, document: Json) -> None:
    """Check a document against what OGC 20-057's own description says of a response, such as `LandingPage`."""
    _check(_api(response), document)


def registered_web_mercator() -> Json:
    """The definition of WebMercatorQuad in OGC's register."""
    return _read("WebMercatorQuad.json")


def _check(validator: Validator, document: Json) -> None:
    errors = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]
    assert not errors, "\n".join(errors)


@cache
def _tms(name: str) -> Validator:
    files = {path.name: json.loads(path.read_text()) for path in (FOLDER / "tms").glob("*.json")}
    resources = [(f"http://schemas.invalid/{key}", DRAFT201909.create_resource(value)) for key, value in files.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return Draft201909Validator({"$ref": f"http://schemas.invalid/{name}.json"}, registry=registry)


@cache
def _api(response: str) -> Validator:
    bundle = _read("ogcapi-tiles-1.bundled.json")
    schemas = bundle["components"]["schemas"]
    schemas["extent-uad"] = schemas[
        "extent"
    ]  # the former takes `spatial` for an additional dimension, which nothing is
    registry: Registry[Any] = Registry().with_resource("urn:ogcapi-tiles", DRAFT4.create_resource(bundle))
    pointer = f"urn:ogcapi-tiles#/components/responses/{response}/content/application~1json/schema"
    return OAS30Validator({"$ref": pointer}, registry=registry)


def _read(name: str) -> Json:
    document: Json = json.loads((FOLDER / name).read_text())
    return document
