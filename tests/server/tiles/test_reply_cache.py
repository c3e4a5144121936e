"""Cached replies: sent again while the file is the same, within a bound, and not where tiles may not be cached."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from cogread.deadline import Deadline
from server import create_app
from server.http.reply import Reply
from server.logs.trace import trace
from server.tiles.plan import TilePlan, make_plan
from server.tiles.reply_cache import PLAN_BYTES, ReplyCache
from server.tiles.request import TileRequest, parse
from server.web.context import Context
from tests.support.app import anonymous, client, layer, settings
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

TILE = "/layers/a/tiles/native/0/0/0.jpg"


@pytest.fixture
def plan(tmp_path: Path) -> TilePlan:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    context: Context = create_app(settings(tmp_path, layer("a", "a.tif"))).extensions["rawcog"]
    deadline = Deadline.after(60)
    request, address = TileRequest(TILE, None, False, {}, context.authenticator), parse(TILE)
    assert address is not None
    layer_a = context.catalog.layer("a", anonymous())
    plan = make_plan(layer_a, layer_a.open(deadline), request, address, deadline)
    assert isinstance(plan, TilePlan)
    return plan


def put(cache: ReplyCache, path: str, plan: TilePlan, body: bytes = b"x" * 100) -> Reply:
    """Cache a plan and its reply."""
    reply = Reply(200, [], body)
    cache.put_plan(path, plan)
    cache.put_reply(path, plan, reply)
    return reply


def cached(cache: ReplyCache, path: str) -> Reply | None:
    hit = cache.get(path)
    return None if hit is None else hit.reply


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


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ""])
def test_all_replies_are_alike(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-mask"))
    app = client(tmp_path, layer("a", "a.tif"))
    path = f"/layers/a/tiles/native/0/0/0{suffix}"

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


@pytest.mark.parametrize(("cache_tiles", "tier"), [("", "reply"), ("cache_tiles = false", "origin")])
def test_a_local_file_is_read_each_time_where_tiles_are_not_to_be_cached(
    cache_tiles: str, tier: str, tmp_path: Path
) -> None:
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-ycbcr"))
    os.utime(tmp_path / "a.tif", (1, 1))
    app = client(tmp_path, layer("a", "a.tif", cache_tiles))
    for _ in range(4):
        assert app.get(TILE).status_code == 200
    assert trace.request.tier == tier


def test_the_reply_used_longest_ago_is_evicted(plan: TilePlan) -> None:
    cache = ReplyCache(100 * PLAN_BYTES, 10 * (PLAN_BYTES + 100))
    for number in range(10):
        put(cache, f"/{number}", plan)
    cache.get("/0")
    put(cache, "/10", plan)
    assert [number for number in range(11) if cached(cache, f"/{number}") is None] == [1]


def test_tiles_asked_for_once_evict_no_reply(plan: TilePlan) -> None:
    """A crawl over a layer leaves the tiles of everyone else as fast as before."""
    cache = ReplyCache(100 * PLAN_BYTES, 100 * (PLAN_BYTES + 100))
    replies = {f"/hot/{number}": put(cache, f"/hot/{number}", plan) for number in range(50)}
    for number in range(10_000):
        cache.put_plan(f"/once/{number}", plan)
    assert {path: cached(cache, path) for path in replies} == replies


def test_plans_are_evicted_one_by_one(plan: TilePlan) -> None:
    cache = ReplyCache(100 * PLAN_BYTES, 0)
    for number in range(101):
        cache.put_plan(f"/{number}", plan)
    assert [number for number in range(101) if cache.get(f"/{number}") is None] == [0]


def test_a_dropped_reply_takes_no_room(plan: TilePlan) -> None:
    """Else a file that is replaced often would evict the tiles of all others."""
    cache = ReplyCache(100 * PLAN_BYTES, 10 * (PLAN_BYTES + 100))
    other = put(cache, "/other", plan)
    for turn in range(20):
        put(cache, "/replaced", plan)
        if turn % 2:
            cache.drop("/replaced")
    assert cached(cache, "/other") == other


def test_a_reply_that_would_evict_many_is_not_cached(plan: TilePlan) -> None:
    cache = ReplyCache(100 * PLAN_BYTES, 10 * PLAN_BYTES)
    put(cache, "/a", plan, b"x" * 2 * PLAN_BYTES)
    assert cache.get("/a") is plan


def test_a_reply_of_an_earlier_plan_is_not_cached(plan: TilePlan) -> None:
    cache, newer = ReplyCache(100 * PLAN_BYTES, 100 * PLAN_BYTES), replace(plan)
    cache.put_plan("/a", plan)
    cache.put_plan("/a", newer)
    cache.put_reply("/a", plan, Reply(200, [], b"old"))
    assert cache.get("/a") is newer
