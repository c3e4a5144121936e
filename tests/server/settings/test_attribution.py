"""Attributions with links: as HTML where clients show HTML, as plain text elsewhere, and nothing else gets through."""

from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from server.settings.load import ConfigError
from tests.support.app import client, layer, settings
from tests.support.webmercator import web_mercator_tiff

SOURCE: Final = (
    """&copy; A & B <a href="https://example.com/?a=1&amp;b='2">C &lt;i&gt; D</a> 3 < 4, <A href='http://x.org'>E</A>"""
)
TEXT: Final = "© A & B C <i> D 3 < 4, E"
HTML: Final = (
    "© A &amp; B "
    '<a href="https://example.com/?a=1&amp;b=&#x27;2">C &lt;i&gt; D</a> 3 &lt; 4, <a href="http://x.org">E</a>'
)


def test_each_document_has_the_form_that_its_clients_show(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(web_mercator_tiff())
    app = client(tmp_path, layer("a", "a.tif", f"attribution = '''{SOURCE}'''"))
    browser = {"Accept": "text/html"}

    assert app.get("/layers/a/tilejson.json").get_json()["attribution"] == HTML
    for page in ("/", "/layers/a"):
        assert f">{HTML}</" in app.get(page, headers=browser).text

    about = app.get("/layers/a").get_json()
    assert (about["attribution"], about["attribution_html"]) == (TEXT, HTML)
    assert app.get("/layers").get_json()["layers"][0]["attribution"] == TEXT
    for path in ("/collections/a", "/collections/a/map/tiles/native"):
        assert app.get(path).get_json()["attribution"] == TEXT
    for path, place in {
        "/wmts/1.0.0/WMTSCapabilities.xml": "//*[local-name()='Layer']/*[local-name()='Abstract']",
        "/tms/1.0.0/a": "/TileMap/Attribution/Title",
    }.items():
        (element,) = etree.fromstring(app.get(path).data).xpath(place)
        assert element.text == TEXT


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("<b>bold</b>", "found '<b>', wanted text with links"),
        ("<script>alert(1)</script>", "found '<script>'"),
        ("a <!-- b -->", "found '<!-- b -->'"),
        ("a<b", "found '<b', wanted text with links"),
        ("<a href='https://x.org' onclick='y'>z</a>", "found \"<a href='https://x.org' onclick='y'>\""),
        ("<a href=https://x.org>z</a>", "found '<a href=https://x.org>'"),
        ("<a href='https://x.org'>z", "found \"<a href='https://x.org'>\""),
        ("<a href='https://x.org'><img src=x></a>", "found \"<a href='https://x.org'>\""),
        ("<a href='javascript:alert(1)'>z</a>", "found a link to 'javascript:alert(1)', wanted one to http(s)://"),
        ("<a href='java&#9;script:alert(1)'>z</a>", "found a link to 'java\\tscript:alert(1)'"),
        ("<a href='//x.org'>z</a>", "found a link to '//x.org'"),
        ("<a href='https://'>z</a>", "found a link to 'https://'"),
        ("<a href='https://me:secret@x.org'>z</a>", "found a link to"),
    ],
)
def test_other_markup_is_an_error_of_the_config_that_names_the_key(source: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settings(tmp_path, layer("a", "a.tif", f'attribution = """{source}"""'))
    assert "layers.a.attribution: " in str(error.value)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
