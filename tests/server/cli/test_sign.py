"""`rawcog sign`: URLs that the server accepts."""

from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from server.access.signature import signed_query
from server.cli.main import main
from tests.support.app import ROOT, client, layer

KEYS: Final = "a" * 32, "b" * 32
ENVIRONMENT: Final = {"RAWCOG_SIGNING_KEYS": " ".join(KEYS)}
CONFIG: Final = (
    '[server]\npublic_url = "https://tiles.example.com/maps/"\n'
    + layer("naip", ROOT / "data" / "valley.tif", "access = 'signed'")
    + layer("open", ROOT / "data" / "valley.tif")
    + f"[collections.ortho]\nuri = '{ROOT}/data/{{sheet}}.tif'\naccess = 'signed'\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "layers.toml"
    path.write_text(CONFIG)
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["sign", *words], env={**ENVIRONMENT, "RAWCOG_CONFIG": str(config)})


@pytest.mark.parametrize("name", ["naip", "ortho:valley"])
def test_the_server_accepts_the_url(name: str, config: Path, tmp_path: Path) -> None:
    url = run(config, name, "--for", "1d").stdout.strip()
    path = url.removeprefix("https://tiles.example.com/maps")
    assert path.startswith(f"/layers/{name}?expires=")
    query = run(config, name, "--for", "1d", "--query").stdout.strip()
    assert path.partition("?")[2] == query
    app = client(tmp_path, CONFIG, ENVIRONMENT)
    assert app.get(path).status_code == app.get(f"/layers/{name}/tiles/native/0/0/0.webp?{query}").status_code == 200
    retired = client(tmp_path, CONFIG, {"RAWCOG_SIGNING_KEYS": KEYS[1]})
    assert retired.get(path).status_code == 403


def test_urls_are_the_same_for_the_lifetime_and_valid_for_twice_that_at_most() -> None:
    noon_s, day_s = 1_764_331_200, 86_400
    queries = {signed_query(b"k", "naip", day_s, noon_s + minute * 60) for minute in range(12 * 60 - 1)}
    assert len(queries) == 1
    for lifetime_s in (1, 90, 3600, day_s, 30 * day_s):
        for now_s in range(noon_s, noon_s + 3):
            expires_s = int(signed_query(b"k", "naip", lifetime_s, now_s).split("&")[0].split("=")[1])
            assert lifetime_s <= expires_s - now_s <= lifetime_s + min(lifetime_s, day_s)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nope", "--for", "1d"), "no layer or collection 'nope'"),
        (("open", "--for", "1d"), "'open' takes no signature: its access is 'public'"),
        (("naip", "--for", "tomorrow"), "found 'tomorrow', wanted a number and one of s, m, h, d"),
        (("naip",), "Missing option '--for'"),
    ],
)
def test_a_mistake_is_a_line_without_a_key(words: tuple[str, ...], message: str, config: Path) -> None:
    done = run(config, *words)
    assert done.exit_code != 0
    assert message in done.stderr
    assert KEYS[0] not in done.output
