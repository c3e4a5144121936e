"""Requests of a fleet for the version of a file, and the time at which a replaced source is seen: two servers of two
workers each, and Redis."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.app import layer
from tests.support.gunicorn import Gunicorn
from tests.support.load import Answer, Load
from tests.support.origin import Origin
from tests.support.redis import RedisServer
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

INTERVAL_S = 0.5
INTERVALS = 6
OLD, NEW = gdal_tiff("jpeg-ycbcr"), gdal_tiff("jpeg-rgb")
TILE = "/layers/a/tiles/native/0/0/0.jpg"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/a.tif", OLD)
        yield running


@pytest.fixture(scope="module")
def servers(origin: Origin) -> Iterator[list[Gunicorn]]:
    config = f"[server]\nrevalidate_s = {INTERVAL_S}\n" + layer("a", f"{origin.url}/a.tif")
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        environment = {"WEB_CONCURRENCY": "2", "REDIS_URL": redis.url}
        running = [stack.enter_context(Gunicorn(environment, config)) for _ in range(2)]
        wait_until(lambda: all(len(server.pids()) == 2 for server in running))
        yield running


def answers_of(servers: list[Gunicorn]) -> Counter[str]:
    """Count the replies of each worker so far."""
    return Counter(pid for server in servers for pid in re.findall(r" (\d+) request: GET layer=a ", server.log()))


def run_until_all_answer(load: Load, servers: list[Gunicorn]) -> None:
    """Go on until every worker has answered once more."""
    before = answers_of(servers)
    wait_until(lambda: len(answers_of(servers) - before) == 4)
    load.more(1)


def test_the_origin_is_asked_once_an_interval_by_the_whole_fleet(servers: list[Gunicorn], origin: Origin) -> None:
    with Load([server.url + TILE for server in servers]) as load:
        run_until_all_answer(load, servers)
        before, began_at = len(origin.requests), time.monotonic()
        wait_until(lambda: len(origin.requests) - before >= INTERVALS)
        run_until_all_answer(load, servers)
        asked, lasted_s = len(origin.requests) - before, time.monotonic() - began_at
    assert asked <= lasted_s / INTERVAL_S + 1
    assert {answer.status for answer in load.answers} == {200}


def test_a_replaced_source_is_seen_by_every_worker_within_the_interval(servers: list[Gunicorn], origin: Origin) -> None:
    with Load([server.url + TILE for server in servers]) as load:
        run_until_all_answer(load, servers)
        origin.put("/a.tif", NEW)
        replaced_at = time.time()
        wait_until(lambda: time.time() > replaced_at + INTERVAL_S)
        run_until_all_answer(load, servers)
    old, new = load.answers[0], load.answers[-1]
    assert content(old) != content(new)
    assert {content(answer) for answer in load.answers} == {content(old), content(new)}
    contents = {content(answer) for answer in load.answers if answer.sent_at > replaced_at + INTERVAL_S}
    assert contents == {content(new)}


def content(answer: Answer) -> tuple[int, str | None, bytes]:
    return answer.status, answer.etag, answer.body
