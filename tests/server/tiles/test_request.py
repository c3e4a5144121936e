"""The grammar of tile URLs: one address for one path, and none for all other paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.tiles.request import (
    OGC,
    TEMPLATES,
    TMS,
    WMTS,
    WMTS_TIME,
    XYZ,
    XYZ_MASK,
    TileAddress,
    parse,
    split_version,
)

ADDRESSES = {
    "/layers/a/tiles/native/3/1/2.jpg": TileAddress(XYZ, "a", None, "native", 3, 1, 2, "jpg"),
    "/layers/a.b-c_1@v.1-2/tiles/WebMercatorQuad/0/0/10.png": TileAddress(
        XYZ, "a.b-c_1", "v.1-2", "WebMercatorQuad", 0, 0, 10, "png"
    ),
    "/layers/a@v/mask/native/3/1/2.bin": TileAddress(XYZ_MASK, "a", "v", "native", 3, 1, 2, "bin"),
    "/wmts/1.0.0/a@v/default/native.a/3/2/1.tif": TileAddress(WMTS, "a", "v", "native.a", 3, 1, 2, "tif"),
    "/wmts/1.0.0/a/default/2024-05/native.a/3/2/1.tif": TileAddress(
        WMTS_TIME, "a", None, "native.a", 3, 1, 2, "tif", "datetime=2024-05&"
    ),
    "/tms/1.0.0/a/3/1/2.webp": TileAddress(TMS, "a", None, "", 3, 1, 2, "webp"),
    "/collections/a/map/tiles/native/3/2/1": TileAddress(OGC, "a", None, "native", 3, 1, 2, ""),
}


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_path_is_read_as_its_template_says(path: str) -> None:
    assert parse(path) == ADDRESSES[path]
    assert ADDRESSES[path].kind == ("mask" if "/mask/" in path else "tiles")


@pytest.mark.parametrize("template", [template for template in TEMPLATES if template is not WMTS_TIME])
def test_the_path_of_an_address_is_read_as_the_address(template: str) -> None:
    address = TileAddress(XYZ, "a", None, "native", 4, 5, 6, "png")
    parsed = parse(address.path(template))
    assert parsed is not None
    assert (parsed.template, parsed.layer, parsed.z, parsed.x, parsed.y) == (template, "a", 4, 5, 6)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    "change",
    [("3", "03"), ("1", "-1"), ("2", "٢"), ("2", "2 "), ("/3/", "//3/"), ("a", "ä"), ("a", "a%2f"), ("1", "1e1")],
)
def test_another_spelling_is_no_tile(path: str, change: tuple[str, str]) -> None:
    """One tile has one path: caches keep it, and the log shows it as it is."""
    head, last, tail = path.rpartition(change[0])
    if last:
        assert parse(head + change[1] + tail) is None
    for end in ("/", "\n", "?", ".jpg"):
        assert parse(path + end) is None


@given(st.text(alphabet=st.characters(), max_size=40))
def test_no_path_is_an_error(text: str) -> None:
    for path in (text, f"/layers/{text}", f"/tms/1.0.0/{text}", f"/wmts/1.0.0/{text}/0/0/0.jpg"):
        parse(path)


@pytest.mark.parametrize(
    ("name", "parts"), [("a", ("a", None)), ("a@", ("a", "")), ("a@v", ("a", "v")), ("a@v@w", ("a", "v@w"))]
)
def test_a_name_with_an_at_sign_names_a_version(name: str, parts: tuple[str, str | None]) -> None:
    assert split_version(name) == parts
