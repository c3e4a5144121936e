"""Origins that contradict themselves about a file's version: the log says so, and a source can be told to look at size
and Last-Modified alone."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cogread.byterange import Version
from server.origin.validator_watch import LOG_AGAIN_S, WITHIN_S, ValidatorWatch, log
from tests.support.app import client, layer
from tests.support.faults import Nodes, refuse_if_match
from tests.support.origin import Fault, Origin
from tests.support.tiffs import gdal_tiff

FILE = gdal_tiff("jpeg-ycbcr")
URLS = [f"/layers/a/tiles/native/{place}.jpg" for place in ("3/0/0", "3/1/1", "3/2/3", "3/3/2", "2/0/1", "2/1/0")]
DATES = ("Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:21 GMT")
SOURCE = "[sources.a]\ntype = 'http'\nvalidators = 'modified'\n"

ODD: dict[str, tuple[Fault, str]] = {
    "nodes": (Nodes({"ETag": '"one"'}, {"ETag": '"two"'}), "ETag"),
    "nodes of three": (
        Nodes({"ETag": '"1"'}, {"ETag": '"2"'}, {"ETag": '"3"'}),
        "ETags of the origin do not agree",
    ),
    "weak ones": (Nodes({"ETag": 'W/"one"'}, {"ETag": 'W/"two"'}), "ETag"),
    "412": (refuse_if_match, "answers 412 or another ETag"),
}
"""Behaviour of an origin, and the log lines about it."""


@pytest.mark.parametrize("name", ODD)
def test_an_origin_whose_etags_do_not_agree_is_named_in_the_log_and_can_be_served(
    name: str, tmp_path: Path, lines: list[str]
) -> None:
    fault, said = ODD[name]
    (tmp_path / "local.tif").write_bytes(FILE)
    local = client(tmp_path, layer("a", "local.tif"))
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        origin.fail("/a.tif", fault, times=1000)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        for url in URLS:
            reply = app.get(url)
            assert reply.status_code == 503 or reply.data == local.get(url).data
        assert len(lines) == 1
        assert all(word in lines[0] for word in ("layer 'a'", "/a.tif", said, 'validators = "modified"')), lines[0]
        told = SOURCE + layer("a", f"{origin.url}/a.tif", "source = 'a'")
        before, app = len(origin.requests), client(tmp_path, told)
        assert [app.get(url).data for url in URLS] == [local.get(url).data for url in URLS]
        assert not [request for request in origin.requests[before:] if "if-match" in request.headers]
        assert len(lines) == 1


def test_a_source_that_compares_dates_sees_a_replaced_file_and_wants_dates(tmp_path: Path) -> None:
    new = gdal_tiff("jpeg-rgb")
    (tmp_path / "local.tif").write_bytes(new)
    url = URLS[0].replace("3/0/0", "0/0/0")
    with Origin() as origin:
        origin.put("/a.tif", FILE, etag='"same"', modified=1_700_000_000)
        app = client(tmp_path, SOURCE + layer("a", f"{origin.url}/a.tif", "source = 'a'"))
        assert app.get(url).status_code == 200
        origin.put("/a.tif", new, etag='"same"', modified=1_700_000_001)
        assert app.get(URLS[-1]).status_code in (200, 404)  # a read of what is not cached finds out
        assert app.get(url).data == client(tmp_path, layer("a", "local.tif")).get(url).data
        origin.put("/b.tif", FILE, modified=None)
        app = client(tmp_path, SOURCE + layer("a", f"{origin.url}/b.tif", "source = 'a'"))
        assert app.get(url).status_code == 502


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The log of the watch; the apps of tests log nothing."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.setLevel(logging.WARNING)
    yield lines
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)


def version(etag: str, date: int = 0, size_bytes: int = 9) -> Version:
    return Version(size_bytes, f'"{etag}"', DATES[date])


REPLACED = [(version("a"), version("b", 1)), (version("b", 1), version("c", 0, 8))]
TURNS = [(version("a"), version("b", 1)), (version("b", 1), version("a"))]
SAME_DATE = [(version("a"), version("b"))]


@pytest.mark.parametrize(
    ("notes", "pause_s", "said"),
    [
        (REPLACED, 1, ""),
        (SAME_DATE * 2, 1, ""),
        (SAME_DATE * 9, WITHIN_S, ""),
        (SAME_DATE * 3, 1, "do not agree"),
        (SAME_DATE * 9, 1, "do not agree"),
        (TURNS * 2, 1, "several versions of the file by turns"),
        ([(version("a\r\nb"), version("a\r\nb"))] * 3, 1, r"""states the ETag '"a\r\nb"'"""),
    ],
)
def test_contradictions_are_logged_when_they_are_many_and_then_seldom(
    notes: list[tuple[Version, Version]], pause_s: float, said: str, lines: list[str]
) -> None:
    now = 0.0
    watch = ValidatorWatch("layer 'a'", lambda: now)
    for given_up, stated in notes:
        watch.note(given_up, stated)
        now += pause_s
    assert len(lines) == bool(said)
    assert said in "".join(lines)
    if said:
        now += LOG_AGAIN_S
        watch.note(*notes[-1])
        assert len(lines) == 2
