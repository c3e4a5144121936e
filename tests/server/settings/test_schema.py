"""The JSON Schema of the config file is that of the code, takes what the server takes and refuses what it refuses."""

import tomllib
from typing import Final

import jsonschema
import pytest

from server.settings import schema
from server.settings.decode import decode
from server.settings.file import FileError
from server.settings.variables import Variables
from tests.server.settings.test_load import MISTAKES, WHOLE
from tests.support.app import ROOT
from tests.test_docs import CONFIGS

SCHEMA: Final = schema.config_schema()
VALIDATOR: Final = jsonschema.Draft7Validator(SCHEMA)
COMMAND: Final = "run python -m server.settings.schema"

BEYOND_SCHEMAS: Final = {
    "[server]\nmemory_bytes = 2e9": "a number of JSON is an integer if it is a whole one",
    "[server]\nrevalidate_s = nan": "JSON has no such number, and none is greater or less",
    "[defaults]\nterrain_nodata = nan": "the same",
}
"""Mistakes that the server refuses and no schema can -> the reason."""


def is_valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(tomllib.loads(text)))


def is_refused_by_decode(text: str) -> bool:
    try:
        tomllib.loads(text)
        decode(text.encode(), Variables({}))
    except tomllib.TOMLDecodeError:
        return False
    except FileError:
        return True
    return False


REFUSED: Final = [text for text in MISTAKES if is_refused_by_decode(text) and text not in BEYOND_SCHEMAS]


def test_the_files_are_those_of_the_code() -> None:
    assert schema.SCHEMA.read_text() == schema.schema_text(), COMMAND
    assert schema.DOCUMENT.read_text() == schema.document_text(schema.DOCUMENT.read_text()), COMMAND
    for table in schema.TABLES:
        assert f"<!-- keys of {table}," in schema.DOCUMENT.read_text()


def test_it_is_a_schema_that_the_config_file_of_the_demo_names() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
    path = ROOT / "config" / "layers.toml"
    directive, _, name = path.read_text().partition("\n")[0].partition(" ")
    assert directive == "#:schema"
    assert (path.parent / name).resolve() == schema.SCHEMA


VALID = {
    "demo": (ROOT / "config" / "layers.toml").read_text(),
    "whole": WHOLE,
    "empty": "",
    "variables": "[defaults]\nempty = '${EMPTY}'\n[sources.a]\ntype = '${T}'\nvalidators = '${V}'",
    "proxies": "[server]\ntrusted_proxies = ['10.0.0.0/8']\n[layers.'rev.12']\nuri = 'a.tif'\nfile = 'redirect'",
    **CONFIGS,
}


@pytest.mark.parametrize("name", VALID)
def test_it_takes_what_the_server_takes(name: str) -> None:
    VALIDATOR.validate(tomllib.loads(VALID[name]))


@pytest.mark.parametrize("text", REFUSED)
def test_it_refuses_what_the_server_refuses(text: str) -> None:
    assert not is_valid(text)


def test_it_refuses_names_that_no_layer_has() -> None:
    assert len(REFUSED) > 25
    names = ["a b", "a/b", "a@1", "..", "ä", "a:b"]
    tables = [f"[{table}.'{name}']\nuri = 'x'" for name in names for table in ("layers", "collections")]
    assert not [text for text in tables if is_valid(text)]
