"""Whatever is asked by key-value pairs, the answer is a tile, a document or a valid report: never a fault of ours."""

import os
from urllib.parse import quote, quote_from_bytes

from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.ogc import EXCEPTIONS, valid

KEYS = [
    "service", "request", "version", "acceptversions", "sections", "updatesequence", "acceptformats", "layer", "style",
    "format", "tilematrixset", "tilematrix", "tilerow", "tilecol",
]  # fmt: skip
VALUES = [
    "WMTS", "GetTile", "GetCapabilities", "GetFeatureInfo", "1.0.0", "photo", "aligned", "photo@0", "default", "", "0",
    "1", "-1", "99999999999", "1e3", "٣", "image/jpeg", "native.photo", "native.aligned", "WebMercatorQuad",
    "All", "Contents,themes", ",", "\x00", "\ud7ff", "\ufffe", "%", "\x1a", "<!--", "' or 1", "../..", "9" * 5000,
]  # fmt: skip
SOUND = {
    "service": "WMTS", "request": "GetTile", "version": "1.0.0", "layer": "photo", "style": "default",
    "format": "image/jpeg", "tilematrixset": "native.photo", "tilematrix": "0", "tilerow": "0", "tilecol": "0",
}  # fmt: skip

value = st.sampled_from(VALUES) | st.text(max_size=30)
pairs = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), value, max_size=8)
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "200"))


def check(app: FlaskClient, query: str) -> None:
    reply = app.get(f"/wmts?{query}")
    assert reply.status_code in (200, 304, 400, 404, 501), reply.text
    if reply.status_code == 200 and reply.content_type == "application/xml":
        valid(reply.data)
    elif reply.status_code != 200:
        assert reply.content_type == "application/xml"
        valid(reply.data, EXCEPTIONS)


@settings(max_examples=EXAMPLES, deadline=None)
@given(base=st.sampled_from([{}, SOUND, {"service": "WMTS", "request": "GetCapabilities"}]), more=pairs)
@example(base=SOUND, more={"layer": "\ud7ff\x00"})
def test_any_pairs(base: dict[str, str], more: dict[str, str], app: FlaskClient) -> None:
    query = {**base, **more}
    check(
        app, "&".join(f"{quote(key, errors='replace')}={quote(text, errors='replace')}" for key, text in query.items())
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(query=st.binary(max_size=60))
@example(query=b"&" * 5000)
@example(query=b"service=WMTS&request=GetTile&version=1.0.0&layer=%ff%fe&style=%00")
def test_any_bytes(query: bytes, app: FlaskClient) -> None:
    check(app, quote_from_bytes(query, safe="&=%+;/?"))
