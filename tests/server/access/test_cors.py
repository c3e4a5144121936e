"""`cors_origins`: the pages that may read replies."""

from pathlib import Path
from typing import Final

import pytest

from server.settings.load import ConfigError
from tests.support.app import ROOT, client, layer, settings

LAYER: Final = layer("a", ROOT / "data" / "valley.tif")
URLS: Final = ("/layers/a/tiles/native/0/0/0.webp", "/layers/a", "/layers/none", "/layers/a/tiles/native/9/0/0.webp")


def test_pages_of_other_origins_cannot_read_a_reply(tmp_path: Path) -> None:
    app = client(tmp_path, f"[server]\ncors_origins = ['https://a.example', 'http://localhost:3000']\n{LAYER}")
    for url in URLS:
        for method in ("GET", "OPTIONS"):
            for origin in ("https://a.example", "http://localhost:3000"):
                reply = app.open(url, method=method, headers={"Origin": origin})
                assert reply.headers.getlist("Access-Control-Allow-Origin") == [origin]
                assert "Origin" in ", ".join(reply.headers.getlist("Vary"))
            for origin in ("https://A.example", "https://a.example.org", "http://a.example", "null", "*"):
                reply = app.open(url, method=method, headers={"Origin": origin})
                assert "Access-Control-Allow-Origin" not in reply.headers
                assert "Origin" in ", ".join(reply.headers.getlist("Vary"))


def test_pages_of_all_origins_may_by_default_and_may_send_a_token(tmp_path: Path) -> None:
    app = client(tmp_path, LAYER)
    for url in URLS:
        reply = app.options(url, headers={"Origin": "https://a.example"})
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "https://A.example", "*", "https://*.example"])
def test_what_browsers_do_not_send_is_a_mistake(origin: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.cors_origins\[0\]: found .*, wanted http"):
        settings(tmp_path, f"[server]\ncors_origins = ['{origin}']\n")
