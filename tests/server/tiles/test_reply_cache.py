"""Whole replies that are kept: sent again while the file is the same, within a bound, and not where they may not be."""

import os
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from cogread.deadline import Deadline
from server import create_app
from server.http.reply import Reply
from server.tiles.plan import Found, find
from server.tiles.reply_cache import KnownTiles
from server.tiles.request import TileRequest
from server.web.context import Context
from tests.support.app import client, layer, settings
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

TILE = "/layers/a/tiles/native/0/0/0.jpg"


def _found(folder: Path) -> Found:
    context: Context = create_app(settings(folder, layer("a", "a.tif"))).extensions["rawcog"]
    deadline = Deadline.after(60)
    request = TileRequest("a", None, "tiles", "native", 0, 0, 0, "jpg", "", None, None, is_head=False)
    layer_a = context.catalog["a"]
    found = find(layer_a, layer_a.open(deadline), request, deadline)
    assert isinstance(found, Found)
    return found


def test_a_replaced_file_is_seen_by_those_that_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    app = client(tmp_path, layer("a", "a.tif"))
    before = [app.get(TILE) for _ in range(4)]
    (tmp_path / "new").write_bytes(gdal_tiff("jpeg-rgb"))
    os.replace(tmp_path / "new", tmp_path / "a.tif")
    after = [app.get(TILE) for _ in range(4)]
    assert all(len({reply.data for reply in replies}) == 1 for replies in (before, after))
    assert before[0].data != after[0].data
    assert before[0].headers["ETag"] != after[0].headers["ETag"]


def test_a_file_that_is_gone_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    app = client(tmp_path, layer("a", "a.tif"))
    assert [app.get(TILE).status_code for _ in range(4)] == [200] * 4
    (tmp_path / "a.tif").unlink()
    assert app.get(TILE).status_code == 404


@pytest.mark.parametrize("extension", ["jpg", "png", "tif"])
def test_all_replies_are_alike(extension: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-mask"))
    app = client(tmp_path, layer("a", "a.tif"))
    path = f"/layers/a/tiles/native/0/0/0.{extension}"

    def seen(reply: TestResponse) -> tuple[int, dict[str, str], bytes]:
        return reply.status_code, dict(reply.headers), reply.data

    first, *others = [seen(app.get(path)) for _ in range(4)]
    assert others == [first] * 3
    head = app.head(path)
    assert head.data == b""
    assert head.headers["ETag"] == first[1]["ETag"]
    assert app.get(path, headers={"If-None-Match": first[1]["ETag"]}).status_code == 304
    assert seen(app.get(path)) == first


@pytest.mark.parametrize(("cache_tiles", "reads"), [("true", 1), ("false", 4)])
def test_tiles_that_are_not_to_be_cached_are_not_kept(cache_tiles: str, reads: int, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", gdal_tiff("jpeg-ycbcr"))
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif", f"cache_tiles = {cache_tiles}"))
        assert app.get("/layers/a").status_code == 200
        before = len(origin.ranges("/a.tif"))
        for _ in range(4):
            assert app.get(TILE).status_code == 200
        assert len(origin.ranges("/a.tif")) - before == reads


def test_the_oldest_goes_when_there_is_no_more_room(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    known = KnownTiles(1000)
    found = _found(tmp_path)
    for number in range(12):
        known.put(f"/{number}", found)
        known.keep(f"/{number}", found, Reply(200, [], b"x" * 100))
    kept = [number for number in range(12) if (tile := known.get(f"/{number}")) is not None and tile.reply is not None]
    assert kept == [*range(2, 12)]


def test_what_is_no_longer_kept_takes_no_room(tmp_path: Path) -> None:
    """Else a file that is replaced often would push out the tiles of all others."""
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    known = KnownTiles(1000)
    found = _found(tmp_path)
    reply = Reply(200, [], b"x" * 100)
    known.put("/other", found)
    known.keep("/other", found, reply)
    for turn in range(20):
        known.put("/replaced", found)
        known.keep("/replaced", found, reply)
        if turn % 2:
            known.forget("/replaced")
    other = known.get("/other")
    assert other is not None
    assert other.reply is reply


def test_one_that_would_push_out_too_many_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    known = KnownTiles(1000)
    found = _found(tmp_path)
    known.put("/a", found)
    known.keep("/a", found, Reply(200, [], b"x" * 200))
    assert known.get("/a") == found


def test_a_reply_of_what_was_found_before_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    known = KnownTiles(1000)
    old, new = _found(tmp_path), _found(tmp_path)
    known.put("/a", old)
    known.put("/a", new)
    known.keep("/a", old, Reply(200, [], b"old"))
    assert known.get("/a") is new
