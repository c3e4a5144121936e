"""The table of contents names every URL that is served, and no other."""

import re
from pathlib import Path

from server import create_app
from server.documents.openapi.document import PATHS
from server.tiles.request import OGC, TEMPLATES
from server.web import TILE_URLS, URLS
from tests.support.app import settings


def test_the_app_serves_the_table_and_nothing_else(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path, ""))
    assert sorted(rule.rule for rule in app.url_map.iter_rules()) == sorted(URLS)


def test_all_forms_of_tile_urls_are_in_the_table() -> None:
    assert {*TILE_URLS, OGC} == set(TEMPLATES)
    assert form(OGC) in {form(rule) for rule in URLS}


def test_the_description_of_the_api_has_the_urls_of_the_table() -> None:
    """Written by hand, apart from the table; files of the pages are no part of the API."""
    described = {form(path.replace("{style}", "default")) for path in PATHS}
    assert described == {form(rule) for rule in (*TILE_URLS, *URLS) if not re.search("<(path|rest):|favicon", rule)}


def form(url: str) -> str:
    """A URL with its parameters' names left out."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "*", url)
