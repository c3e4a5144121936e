"""The list of all layers, by HTTP alone: search, filters with counts, pages, broken layers, and the first layer."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Final

import pytest
import rasterio
from flask.testing import FlaskClient

from server.web.layer_list import LENGTHS
from tests.support.app import client, layer, settings
from tests.support.tiffs import KINDS, gdal_tiff

SOME: Final = (
    "jpeg-ycbcr",
    "webp-lossy",
    "deflate",
    "zstd-float",
    "lerc",
    "lzw",
    "jpeg-grey",
    "jpeg-mask",
    "odd-factors",
)
MANY: Final = 130
"""More than two pages of rows."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("some")
    config = layer("gone", "gone.tif", "title = 'Lost'") + layer("text", "text.tif")
    (folder / "text.tif").write_text("This is no image.")
    for kind in SOME:
        (folder / f"{kind}.tif").write_bytes(gdal_tiff(kind))
        config += layer(kind, f"{kind}.tif", f"title = 'Título of {kind}'\nattribution = 'Survey of {kind[:4]}'")
    return client(folder, config)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("many")
    (folder / "a.tif").write_bytes(gdal_tiff("jpeg-grey"))
    return client(folder, layer("first", "gone.tif") + "".join(layer(f"l{n}", "a.tif") for n in range(MANY)))


def text_of(app: FlaskClient, url: str) -> str:
    reply = app.get(url, headers={"Accept": "text/html"})
    assert (reply.status_code, reply.mimetype) == (200, "text/html"), reply.text
    return reply.text


def titles(page: str) -> list[str]:
    """The titles of the listed layers, in order."""
    return [unescape(title) for title in re.findall("<h3>(.*?)</h3>", page)]


def chips(page: str) -> dict[str, tuple[str, int]]:
    """Label of each chip that is not active -> its URL and its number."""
    pills = re.findall(r'<a class="pill" href="([^"]*)">(.*?) <span class="count">([\d,]+)</span>', page)
    return {label: (unescape(url), int(count.replace(",", ""))) for url, label, count in pills}


def hits(page: str) -> str:
    """The number of layers, as a screen reader hears it."""
    (text,) = re.findall('role="status"[^>]*>(.*?)<', page)
    return str(text)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("zstd", {"zstd-float"}),
        ("titulo OF lerc", {"lerc"}),
        ("TÍTULO%20grey", {"jpeg-grey"}),
        ("2193", {"lerc", "jpeg-grey"}),
        ("new zealand", {"lerc", "jpeg-grey"}),
        ("epsg:4326 int16", {"lzw"}),
        ("float32", {"zstd-float", "lerc"}),
        ("survey of webp", {"webp-lossy"}),
        ("webp deflate", set()),
        ("<b>", set()),
    ],
)
def test_each_word_is_searched_in_name_title_crs_type_and_attribution(
    query: str, kinds: set[str], app: FlaskClient
) -> None:
    page = text_of(app, f"/?q={query}")
    assert set(titles(page)) == {f"Título of {kind}" for kind in kinds}
    assert hits(page) == f"{len(kinds)} of {len(SOME) + 2} layers"
    rows = app.get(f"/layers?q={query}").get_json()["layers"]
    assert {row["name"] for row in rows} == kinds
    if not kinds:
        assert "No layer matches" in page


def test_the_chips_count_what_gdal_says_of_the_files(app: FlaskClient) -> None:
    page = text_of(app, "/")
    wanted: dict[str, int] = {}
    for kind in SOME:
        with rasterio.MemoryFile(gdal_tiff(kind)) as memory, memory.open() as dataset:
            for value in (dataset.dtypes[0], f"EPSG:{dataset.crs.to_epsg()}"):
                wanted[value] = wanted.get(value, 0) + 1
    counts = {label: count for label, (_, count) in chips(page).items()}
    assert wanted.items() <= counts.items()
    assert counts["webp"] == 1
    assert counts["cannot be opened"] == 2
    assert "tif" not in counts  # all have it, so it tells nothing apart


@pytest.mark.parametrize("start", ["/", "/?q=survey", "/?type=uint8", "/?crs=EPSG%3A2193&q=of", "/?status=error"])
def test_a_chip_leads_to_as_many_layers_as_it_says_and_back(start: str, app: FlaskClient) -> None:
    page = text_of(app, start)
    labels = chips(page)
    assert labels or start == "/?status=error"
    for label, (url, count) in labels.items():
        filtered = text_of(app, url)
        assert len(titles(filtered)) == count, label
        if start not in ("/", "/?q=survey"):
            continue  # the chip may replace the filter
        active = re.findall(r'<a class="pill" href="([^"]*)" aria-current="true">', filtered)
        assert any(titles(text_of(app, unescape(back))) == titles(page) for back in active), label


def test_several_filters_are_all_to_match(app: FlaskClient) -> None:
    page = text_of(app, "/?type=float32&crs=EPSG:2193")
    assert titles(page) == ["Título of lerc"]
    assert chips(page)["EPSG:3857"][1] == 1  # with this CRS in place of the other
    names = [row["name"] for row in app.get("/layers?type=float32&crs=EPSG:2193").get_json()["layers"]]
    assert names == ["lerc"]
    assert titles(text_of(app, "/?type=complex64")) == []


@pytest.mark.parametrize("view", LENGTHS)
def test_broken_layers_come_last_with_their_reason(view: str, app: FlaskClient) -> None:
    page = text_of(app, f"/?view={view}")
    assert titles(page) == [*(f"Título of {kind}" for kind in SOME), "Lost", "text"]
    assert titles(text_of(app, "/?status=error")) == ["Lost", "text"]
    assert titles(text_of(app, "/?status=ok")) == [f"Título of {kind}" for kind in SOME]
    assert "Cannot be opened: the layer&#39;s file is not there" in page
    assert "Cannot be opened: not a TIFF" in page
    assert not re.findall(r'href="/layers/(?:gone|text)"', page)


def test_a_layer_of_values_has_its_type_and_crs_where_pictures_are(app: FlaskClient) -> None:
    page = text_of(app, "/?q=zstd")
    assert re.search(r'<p class="kind">float32<br>EPSG:3857</p>', page)
    assert "<img" not in page
    kind = KINDS["zstd-float"]
    assert f"{kind.width} × {kind.height} · float32 · EPSG:3857" in page


def leaves(app: FlaskClient, url: str) -> Iterator[str]:
    """The pages of a list from one on, by their links."""
    for _ in range(99):
        page = text_of(app, url)
        yield page
        following = re.findall('rel="next" href="([^"]*)"', page)
        if not following:
            return
        url = unescape(following[0])


@pytest.mark.parametrize("query", ["", "&q=l"])
@pytest.mark.parametrize("view", LENGTHS)
def test_every_layer_is_on_one_page_of_a_long_list(view: str, query: str, many: FlaskClient) -> None:
    pages = list(leaves(many, f"/?view={view}{query}"))
    assert [len(titles(page)) for page in pages[:-1]] == [LENGTHS[view]] * (len(pages) - 1)
    wanted = [f"l{n}" for n in range(MANY)] + ([] if query else ["first"])
    assert [title for page in pages for title in titles(page)] == wanted
    back = re.findall('rel="prev" href="([^"]*)"', pages[1])
    assert titles(text_of(many, unescape(back[0]))) == titles(pages[0])


def test_many_layers_are_rows_and_a_page_beyond_the_last_is_the_last(many: FlaskClient, app: FlaskClient) -> None:
    assert 'class="layers rows"' in text_of(many, "/")
    assert 'class="layers wall"' in text_of(app, "/")
    assert titles(text_of(many, "/?page=999"))[-1] == "first"
    for wrong in ("0", "-1", "x", "٣", "9" * 10):
        reply = many.get(f"/?f=html&page={wrong}")
        assert (reply.status_code, "wanted a number" in reply.text) == (400, True)


def test_an_empty_server_shows_a_table_that_its_config_takes(tmp_path: Path) -> None:
    page = text_of(client(tmp_path, ""), "/")
    table = unescape(re.findall(r'<code id="first-layer">(.*?)</code>', page, re.DOTALL)[0])
    assert [config.title for config in settings(tmp_path, table).layers.values()] == ["Orthophoto"]
    assert "rawcog serve" in page
    assert "search" not in page


def test_the_search_is_a_form_that_keeps_filters_and_view(app: FlaskClient) -> None:
    page = text_of(app, "/?type=float32&view=rows&q=of")
    (form,) = re.findall("<form.*?</form>", page, re.DOTALL)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert fields == {"type": "float32", "view": "rows"}
    assert 'name="q" type="search" value="of"' in form
    assert 'action="/"' in form
