"""The http source: what it asks, and what it makes of an origin's faults."""

import base64
import gzip
import logging
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import Deadline
from cogread.errors import (
    SourceBusy,
    SourceChanged,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceProtocolError,
    SourceTimeout,
    SourceUnreachable,
)
from cogread.sources import Document, Source, SourceOptions, make_document, open_source, parse_uri
from cogread.sources.http_client import url as http_url
from tests.support import faults
from tests.support.certificate import make_certificate
from tests.support.faults import Cut, Drip, Followed, HangUp, Raw, Status, Torn, WithHeaders, redirect
from tests.support.origin import Fault, Origin, Reply
from tests.support.wait import wait_until

DATA = Random(3).randbytes(50_000)
WANTED = ByteRange(100, 20_000)
GARBAGE = (
    b"garbage\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02P",
    b"HTTP/9.9 206 OK\r\n\r\n",
    b"HTTP/1.1 2x6\r\n\r\n",
    b"x" * 99_999,
)
NEGATIVE_CHUNK = (
    b"HTTP/1.1 206 OK\r\nContent-Range: bytes 100-19999/50000\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n"
)
"""A chunk that http.client would read without a bound."""


SPELLINGS = (
    r"http://{EVIL}\@{HOME}/x",
    r"http://{EVIL}\\@{HOME}/x",
    r"http:\\{EVIL}\x",
    r"\\{EVIL}\x",
    r"/\{EVIL}/x",
    r"\/{EVIL}/x",
    r"http://{HOME}\.{EVIL}/x",
    r"http://{HOME}:80\@{EVIL}/x",
    "http://{EVIL}/x",
    "//{EVIL}/x",
    "///{EVIL}/x",
    "////{EVIL}/x",
    "http:{EVIL}/x",
    "http:/{EVIL}/x",
    "http:///{EVIL}/x",
    "HTTP://{EVIL}/x",
    "http://{HOME}@{EVIL}/x",
    "http://{HOME}:80@{EVIL}/x",
    "http://me:word@{EVIL}/x",
    "http://me:word@{HOME}/x",
    "http://a@{HOME}@{EVIL}/x",
    "http://{EVIL}#@{HOME}/x",
    "http://{EVIL}?@{HOME}/x",
    "http://{EVIL}/@{HOME}/x",
    "http://{EVIL};@{HOME}/x",
    "http://{EVIL}%23@{HOME}/x",
    "http://{EVIL}%5c@{HOME}/x",
    "http://{EVIL}%2f@{HOME}/x",
    "http://{EVIL} @{HOME}/x",
    "http://{EVIL}\t@{HOME}/x",
    "http://{EVIL}\x0b@{HOME}/x",
    "http://\t{EVIL}/x",
    "ht\ttp://{EVIL}/x",
    "/\t/{EVIL}/x",
    "\x00http://{EVIL}/x",
    "\x1fhttp://{EVIL}/x",
    "http://{EVIL}\xa0@{HOME}/x",
    "http://{HOME}.{EVIL}/x",
    "http://localhost.:{PORT}/x",
    "http://localhost:{PORT}/x",
    "http://loc%61lhost:{PORT}/x",
    "http://[::ffff:127.0.0.1]:{PORT}/x",
    "http://2130706433:{PORT}/x",
    "http://0x7f.1:{PORT}/x",
    "http://127.1:{PORT}/x",
    "http://\xe2\x93\x9bocalhost:{PORT}/x",
    "https://{EVIL}/x",
    "gopher://{EVIL}/x",
    "file://{EVIL}/x",
)
"""Values of Location that some parser takes for the other place."""


def _label(value: object) -> str:
    return getattr(value, "__name__", repr(value)[:40])


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test says: no proxy, netrc or CA bundle of this machine."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.put("/a.tif", DATA)
        yield running


CONNECTIONS = pytest.mark.parametrize("is_reused", [False, True], ids=["new", "is_reused"])
"""True: the connection was used before, which takes another path through the code."""


def read(
    origin: Origin, expect: Version | None = None, path: str = "/a.tif", *, is_reused: bool = False, **options: Any
) -> SourceBytes:
    source = open_source(f"{origin.url}{path}", SourceOptions(**options))
    try:
        if is_reused:
            origin.put("/other.tif", DATA)
            open_source(f"{origin.url}/other.tif", SourceOptions(**options)).version()
        return source.read(WANTED, expect)
    finally:
        source.close()


def reply_of(wanted: ByteRange) -> bytes:
    """A reply with zeros in place of the bytes of the file."""
    content_range = f"bytes {wanted.start}-{wanted.stop - 1}/{len(DATA)}"
    headers = {"Content-Range": content_range, "Content-Length": str(wanted.size_bytes)}
    return Reply(206, headers).header_bytes() + bytes(wanted.size_bytes)


def version_of(origin: Origin) -> Version:
    source = open_source(f"{origin.url}/a.tif")
    try:
        return source.version()
    finally:
        source.close()


class TestRequest:
    def test_one_request_for_one_range(self, origin: Origin) -> None:
        assert read(origin).data == DATA[100:20_000]
        assert origin.ranges("/a.tif") == [(100, 20_000)]
        assert origin.requests[0].headers["accept-encoding"] == "identity"

    def test_version_is_asked_for_with_a_get_of_one_byte(self, origin: Origin) -> None:
        resource = origin.resource("/a.tif")
        assert version_of(origin) == Version(len(DATA), resource.etag, resource.modified)
        assert origin.ranges("/a.tif") == [(0, 1)]

    def test_if_match_only_with_a_strong_etag(self, origin: Origin) -> None:
        for kind, sent in (("strong", True), ("weak", False), ("none", False)):
            origin.put("/a.tif", DATA, etag=kind)
            read(origin, version_of(origin))
            assert ("if-match" in origin.requests[-1].headers) is sent

    def test_the_query_is_sent_but_shown_nowhere(
        self, origin: Origin, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logging.getLogger("cogread"), "propagate", True)  # an app of another test ends it
        caplog.set_level(logging.INFO, "cogread")
        origin.fail("/a.tif", Status(404))
        with pytest.raises(SourceNotFound) as caught:
            read(origin, path="/a.tif?signature=hush")
        assert origin.requests[0].path == "/a.tif?signature=hush"
        assert "hush" not in str(caught.value) + caplog.text
        assert f"read {origin.url}/a.tif bytes 100-19999" in caplog.text

    def test_connections_are_used_again_by_all_sources(self, origin: Origin) -> None:
        origin.put("/b.tif", DATA)
        sources = [open_source(f"{origin.url}/{name}.tif", SourceOptions(retries=7)) for name in "ab"]
        for _ in range(5):
            for source in sources:
                source.read(WANTED)
        assert origin.connections == 1
        sources[0].close()

    @pytest.mark.parametrize(
        ("options", "wanted"),
        [
            ({"username": "me", "password": "hush"}, "Basic " + base64.b64encode(b"me:hush").decode()),
            ({"bearer_token": "hush"}, "Bearer hush"),
        ],
    )
    def test_credentials_of_the_options(self, origin: Origin, options: dict[str, Any], wanted: str) -> None:
        read(origin, **options)
        assert origin.requests[0].headers["authorization"] == wanted

    def test_credentials_of_the_url(self, origin: Origin) -> None:
        source = open_source(f"http://me:hush@{origin.host}/a.tif")
        source.read(WANTED)
        source.close()
        assert origin.requests[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:hush").decode()
        assert "hush" not in source.name

    def test_proxies_of_the_environment(self, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", origin.url)
        source = open_source("http://imagery.invalid/a.tif")
        with pytest.raises(SourceNotFound):  # our origin knows no absolute paths, but it was asked
            source.version()
        source.close()
        assert origin.requests[0].path == "http://imagery.invalid/a.tif"

    def test_a_chunked_reply_is_read_and_its_connection_kept(self, origin: Origin) -> None:
        source = open_source(f"{origin.url}/a.tif", SourceOptions(retries=6))
        origin.fail("/a.tif", faults.chunked, times=2)
        for _ in range(3):
            assert source.read(WANTED).data == DATA[100:20_000]
        assert origin.connections == 1
        source.close()

    @pytest.mark.parametrize(
        "coding", ["", "Identity", "aws-chunked", "UTF-8", "binary", "aws-chunked,utf-8", "binary , ,identity"]
    )
    @CONNECTIONS
    def test_a_content_encoding_that_codes_nothing_is_taken(self, origin: Origin, coding: str, is_reused: bool) -> None:
        origin.fail("/a.tif", WithHeaders({"Content-Encoding": coding}))
        assert read(origin, is_reused=is_reused).data == DATA[100:20_000]
        assert len(origin.ranges("/a.tif")) == 1

    @CONNECTIONS
    def test_interim_replies_are_passed_over(self, origin: Origin, is_reused: bool) -> None:
        origin.fail("/a.tif", faults.announced)
        assert read(origin, is_reused=is_reused).data == DATA[100:20_000]
        assert len(origin.ranges("/a.tif")) == 1

    def test_is_the_same_over_an_open_connection(self, origin: Origin) -> None:
        expect = version_of(origin)
        source = open_source(f"{origin.url}/a.tif?a=%20b", SourceOptions(bearer_token="word"))
        for _ in range(2):
            source.read(WANTED, expect)
        source.close()
        _, first, second = origin.requests
        assert (first, origin.connections) == (second, 2)

    @CONNECTIONS
    def test_has_no_more_fields_than_it_should(self, origin: Origin, is_reused: bool) -> None:
        with pytest.raises(SourceError, match="cannot be sent"):
            read(origin, Version(len(DATA), '"a"\r\nX-Evil: "1"'), is_reused=is_reused)
        assert not origin.ranges("/a.tif")

    def test_bytes_behind_a_reply_are_not_the_next_one(self, origin: Origin) -> None:
        source = open_source(f"{origin.url}/a.tif")
        source.version()
        origin.fail("/a.tif", Followed(reply_of(ByteRange(100, 200))))
        assert [source.read(ByteRange(100, 200)).data for _ in range(2)] == [DATA[100:200]] * 2
        assert origin.connections == 2
        source.close()

    @pytest.mark.parametrize("size_bytes", [1, 20, 150, 5000])
    def test_a_reply_may_come_in_parts(self, origin: Origin, size_bytes: int) -> None:
        origin.fail("/a.tif", Torn(size_bytes))
        assert read(origin, is_reused=True).data == DATA[100:20_000]
        assert len(origin.ranges("/a.tif")) == 1

    @pytest.mark.parametrize("body", [b"", b"<html>elsewhere"])
    def test_a_redirect_costs_no_connection(self, origin: Origin, body: bytes) -> None:
        origin.fail("/b.tif", Status(302, {"Location": "/a.tif"}, body), times=3)
        source = open_source(f"{origin.url}/b.tif")
        assert [source.read(WANTED).data for _ in range(3)] == [DATA[100:20_000]] * 3
        assert origin.connections == 1
        source.close()

    def test_a_child_process_has_connections_of_its_own(self, origin: Origin) -> None:
        source = open_source(f"{origin.url}/a.tif")
        source.read(WANTED)
        pid = os.fork()
        if pid == 0:
            ok = False
            try:
                ok = source.read(WANTED).data == DATA[100:20_000]
            finally:
                os._exit(0 if ok else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert origin.connections == 2
        source.close()


class TestBadReplies:
    @pytest.mark.parametrize(
        "fault",
        [
            faults.shifted,
            faults.multipart,
            faults.endless,
            Cut(5000),
            *[WithHeaders({"Content-Encoding": coding}) for coding in ("gzip", "aws-chunked, gzip", "BR", "utf-8;q=1")],
            WithHeaders({"Content-Range": None}),
            WithHeaders({"Content-Range": "bytes 100-19999/*"}),
            WithHeaders({"Content-Range": "items 100-19999/50000"}),
            WithHeaders({"Content-Range": "bytes 100-9999/50000"}),
            WithHeaders({"content-range": "bytes 100-19999/60000"}),  # beside the right one
            WithHeaders({"content-length": "19900"}),
            WithHeaders({"Content-Length": "100000000000"}),
            WithHeaders({"Content-Length": "5"}),
            Status(206, {"Content-Range": "bytes 100-99/100"}),  # no bytes, where 416 is due
            Status(408, {"Connection": "close"}),
            Status(500),
            Status(502, body=b"<html>"),
        ],
        ids=_label,
    )
    @CONNECTIONS
    def test_are_tried_once_more(self, origin: Origin, fault: Fault, is_reused: bool) -> None:
        origin.fail("/a.tif", fault)
        assert read(origin, is_reused=is_reused).data == DATA[100:20_000]
        assert len(origin.ranges("/a.tif")) == 2
        origin.fail("/a.tif", fault, times=2)
        with pytest.raises(SourceProtocolError, match=r"/a\.tif: "):
            read(origin, is_reused=is_reused)
        assert len(origin.ranges("/a.tif")) == 4

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (faults.ignore_range, SourceProtocolError),
            (Status(200, {"Content-Type": "text/html"}, b"<html>"), SourceProtocolError),
            (Status(204), SourceProtocolError),
            (Status(304), SourceProtocolError),
            (Status(400), SourceProtocolError),
            (Status(302), SourceProtocolError),
            (Status(401), SourceForbidden),
            (Status(403), SourceForbidden),
            (Status(404), SourceNotFound),
            (Status(410), SourceNotFound),
            (Status(412), SourceChanged),
            (Status(416), SourceProtocolError),
            *[(Raw(garbage), SourceProtocolError) for garbage in (*GARBAGE, NEGATIVE_CHUNK)],
        ],
        ids=_label,
    )
    @CONNECTIONS
    def test_are_final(self, origin: Origin, fault: Fault, kind: type[SourceError], is_reused: bool) -> None:
        origin.fail("/a.tif", fault)
        with pytest.raises(kind, match=r"/a\.tif: "):
            read(origin, is_reused=is_reused)
        assert len(origin.ranges("/a.tif")) == 1

    @CONNECTIONS
    def test_of_a_200_nothing_is_read(self, origin: Origin, is_reused: bool) -> None:
        origin.put("/a.tif", bytes(30_000_000))
        origin.fail("/a.tif", faults.ignore_range)
        with pytest.raises(SourceProtocolError, match="ignores ranges"):
            read(origin, is_reused=is_reused)
        assert origin.sent_bytes < 30_000_000

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_busy_origin_is_asked_once_more_and_says_when_to_come_back(self, origin: Origin, status: int) -> None:
        origin.fail("/a.tif", Status(status, {"Retry-After": "3600"}))
        assert read(origin).data == DATA[100:20_000]
        origin.fail("/a.tif", Status(status, {"Retry-After": "3600"}), times=2)
        with pytest.raises(SourceBusy) as caught:
            read(origin)
        assert caught.value.retry_after_s == 3600

    def test_retry_after_may_be_a_date_or_nonsense(self, origin: Origin) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        huge = f"Sun, 06 Nov {'9' * 30} 08:49:37 GMT"
        for text, low, high in (
            *((date, 3500, 3600), ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0)),
            *(("9" * 30, None, None), (huge, None, None)),
        ):
            origin.fail("/a.tif", Status(503, {"Retry-After": text}))
            with pytest.raises(SourceBusy) as caught:
                read(origin, retries=0)
            actual = caught.value.retry_after_s
            assert actual is None if low is None or high is None else actual is not None and low <= actual <= high


class TestChange:
    def test_of_the_strong_etag_is_a_412(self, origin: Origin) -> None:
        old = version_of(origin)
        origin.put("/a.tif", DATA[::-1])
        with pytest.raises(SourceChanged, match="412"):
            read(origin, old)

    @pytest.mark.parametrize("etag", ["weak", "none"])
    def test_of_another_sign_is_seen_in_the_reply(self, origin: Origin, etag: str) -> None:
        origin.put("/a.tif", DATA, etag=etag)
        old = version_of(origin)
        read(origin, old)
        origin.put("/a.tif", DATA[::-1], etag=etag, modified=1_700_000_001)
        with pytest.raises(SourceChanged):
            read(origin, old)

    def test_is_seen_at_an_origin_that_ignores_if_match(self, origin: Origin) -> None:
        old = version_of(origin)
        origin.fail("/a.tif", WithHeaders({"ETag": '"other"'}))
        with pytest.raises(SourceChanged):
            read(origin, old)

    def test_of_the_size_under_the_same_etag(self, origin: Origin) -> None:
        origin.put("/a.tif", DATA, etag='"v"')
        old = version_of(origin)
        origin.put("/a.tif", DATA[:10_000], etag='"v"')
        with pytest.raises(SourceChanged):
            read(origin, old)
        origin.put("/a.tif", DATA[:10], etag='"v"')
        with pytest.raises(SourceChanged, match="416"):
            read(origin, old)


class TestBrokenConnections:
    @pytest.mark.parametrize("fault", [HangUp(), HangUp(reset=True), Cut(5000, reset=True)], ids=_label)
    def test_are_tried_once_more(self, origin: Origin, fault: Fault) -> None:
        origin.fail("/a.tif", fault)
        assert read(origin).data == DATA[100:20_000]
        origin.fail("/a.tif", fault, times=2)
        with pytest.raises(SourceUnreachable):
            read(origin)
        assert len(origin.requests) == 4

    @pytest.mark.parametrize("fault", [HangUp(), HangUp(reset=True)], ids=_label)
    def test_stale_ones_of_the_pool_are_invisible(self, origin: Origin, fault: Fault) -> None:
        source = open_source(f"{origin.url}/a.tif", SourceOptions(retries=0))
        source.read(WANTED)
        origin.fail("/a.tif", fault)
        assert source.read(WANTED).data == DATA[100:20_000]
        source.close()

    def test_many_stale_ones_at_once_are_invisible(self, origin: Origin) -> None:
        source = open_source(f"{origin.url}/a.tif", SourceOptions(retries=0, pool_size=16))
        with ThreadPoolExecutor(16) as pool:
            barrier = threading.Barrier(16)

            def read_together(_: int) -> bytes:
                barrier.wait()
                return source.read(WANTED).data

            for _ in range(3):
                assert set(pool.map(read_together, range(16))) == {DATA[100:20_000]}
                origin.fail("/a.tif", HangUp())
        source.close()

    def test_refused(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound but not listening: a connection is refused
            source = open_source(f"http://127.0.0.1:{taken.getsockname()[1]}/a.tif")
            with pytest.raises(SourceUnreachable, match="no connection"):
                source.version()

    def test_unknown_host(self) -> None:
        source = open_source("http://imagery.invalid/a.tif", SourceOptions(retries=0))
        with pytest.raises(SourceUnreachable, match="host name"):
            source.version()

    def test_tls_to_a_server_without(self, origin: Origin) -> None:
        source = open_source(f"https://{origin.host}/a.tif")
        with pytest.raises(SourceUnreachable):
            source.version()
        source.close()

    def test_a_host_that_no_request_can_name(self) -> None:
        for url in ("http://a..b/x.tif", f"http://{'a' * 70}.invalid/x.tif"):
            with pytest.raises(SourceError):
                open_source(url).version()


class TestTls:
    def test_a_certificate_must_be_trusted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        trusted, context = make_certificate(tmp_path)
        with Origin(tls=context) as origin:
            origin.put("/a.tif", DATA)
            with pytest.raises(SourceUnreachable):
                read(origin)
            assert not origin.requests
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
            source = open_source(f"{origin.url}/a.tif", SourceOptions(total_timeout_s=1.0))
            assert {source.read(WANTED).data for _ in range(3)} == {DATA[100:20_000]}
            origin.fail(
                "/a.tif", Followed(reply_of(WANTED)[:12_000])
            )  # ends in the record of TLS with the end of the body
            assert {source.read(WANTED).data for _ in range(2)} == {DATA[100:20_000]}
            origin.fail("/a.tif", HangUp())
            assert source.read(WANTED).data == DATA[100:20_000]
            origin.fail("/a.tif", Drip(with_header=True))
            with pytest.raises(SourceTimeout):
                source.read(WANTED)
            with Origin() as plain:
                origin.fail("/a.tif", redirect(f"{plain.url}/a.tif"))
                with pytest.raises(SourceProtocolError, match="step down"):
                    read(origin, redirect_hosts=("127.0.0.1",))
                assert not plain.requests
            source.close()

    def test_bytes_behind_a_reply_are_not_the_next_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        trusted, context = make_certificate(tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        head = Reply(206, {"Content-Range": "bytes 100-199/50000", "Content-Length": "100"}).header_bytes()
        with Origin(tls=context) as origin:
            origin.put("/a.tif", DATA)
            source = open_source(f"{origin.url}/a.tif")
            source.version()
            origin.fail("/a.tif", Followed(head + bytes(100), apart=True))
            assert [source.read(ByteRange(100, 200)).data for _ in range(3)] == [DATA[100:200]] * 3
            source.close()


class TestSlowness:
    @pytest.mark.parametrize("fault", [Drip(), Drip(with_header=True), faults.hang], ids=_label)
    @CONNECTIONS
    def test_ends_at_the_budget(self, origin: Origin, fault: Fault, is_reused: bool) -> None:
        origin.fail("/a.tif", fault)
        with pytest.raises(SourceTimeout, match="in time"):
            read(origin, is_reused=is_reused, total_timeout_s=0.3)
        assert len(origin.ranges("/a.tif")) == 1

    def test_ends_at_the_callers_deadline(self, origin: Origin) -> None:
        origin.fail("/a.tif", Drip())
        source = open_source(f"{origin.url}/a.tif")
        with pytest.raises(SourceTimeout):
            source.read(WANTED, deadline=Deadline.after(0.3))
        with pytest.raises(SourceTimeout):
            source.read(WANTED, deadline=Deadline.after(-1))
        source.close()
        assert len(origin.requests) == 1

    def test_of_silence_ends_at_the_read_timeout(self, origin: Origin) -> None:
        origin.fail("/a.tif", faults.hang)
        with pytest.raises(SourceTimeout):
            read(origin, read_timeout_s=0.2, total_timeout_s=600.0)

    def test_of_the_look_up_of_a_name_ends_at_the_budget(self, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
        """There is no name server that hangs here: the system's resolver has to stand in for it."""
        may_end, look_up = threading.Event(), socket.getaddrinfo
        ended = threading.Event()

        def slow(*args: Any, **kwargs: Any) -> Any:
            may_end.wait(30)
            ended.set()
            return look_up(*args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        with pytest.raises(SourceTimeout, match="in time"):
            read(origin, total_timeout_s=0.2)
        assert not ended.is_set()
        may_end.set()
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "dial"])
        assert not origin.requests

    def test_no_other_try_without_time_for_it(self, origin: Origin) -> None:
        origin.fail("/a.tif", Status(503, {"Retry-After": "1"}), times=2)
        source = open_source(f"{origin.url}/a.tif")
        with pytest.raises((SourceBusy, SourceTimeout)):
            source.read(WANTED, deadline=Deadline.after(0.04))
        source.close()


class TestRedirects:
    @pytest.fixture
    def other(self) -> Iterator[Origin]:
        with Origin() as running:
            running.put("/b.tif", DATA)
            yield running

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_within_the_origin_are_followed_with_credentials(self, origin: Origin, status: int) -> None:
        origin.put("/b c.tif", DATA)
        for location in ("/b%20c.tif", "b c.tif", f"{origin.url}/b%20c.tif", f"//{origin.host}/b%20c.tif"):
            origin.fail("/a.tif", redirect(location, status))
            assert read(origin, bearer_token="hush").data == DATA[100:20_000]
            assert origin.requests[-1].headers["authorization"] == "Bearer hush"
            assert origin.requests[-1].range == (100, 20_000)

    def test_to_another_host_are_refused(self, origin: Origin, other: Origin) -> None:
        origin.fail("/a.tif", redirect(f"{other.url}/b.tif?signature=hush"))
        with pytest.raises(SourceProtocolError, match=r"redirects to .*127\.0\.0\.1") as caught:
            read(origin)
        assert "hush" not in str(caught.value)
        assert not other.requests

    def test_to_a_configured_host_go_without_credentials(self, origin: Origin, other: Origin) -> None:
        origin.fail("/a.tif", redirect(f"{other.url}/b.tif"))
        assert read(origin, redirect_hosts=("127.0.0.1",), bearer_token="hush").data == DATA[100:20_000]
        assert origin.requests[0].headers["authorization"] == "Bearer hush"
        assert "authorization" not in other.requests[0].headers

    @pytest.mark.parametrize(
        "location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://[bad/", "https://127.0.0.1:x/"]
    )
    def test_to_odd_places_are_refused(self, origin: Origin, location: str) -> None:
        origin.fail("/a.tif", redirect(location))
        with pytest.raises(SourceError):
            read(origin, redirect_hosts=("127.0.0.1",))

    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_no_spelling_of_a_place_has_another_one_asked(self, origin: Origin, other: Origin, spelling: str) -> None:
        """The home is a name that the listener does not have, so that a parser that errs comes to the listener."""
        evil, home = other.host, origin.host.replace("127.0.0.1", "localhost")
        source = open_source(
            f"http://{home}/a.tif", SourceOptions(bearer_token="hush", redirect_hosts=("cdn.invalid",))
        )
        origin.fail("/a.tif", redirect(spelling.format(EVIL=evil, HOME=home, PORT=evil.partition(":")[2])))
        with pytest.raises(SourceError) as caught:  # refused, or asked of the home, which has no such file
            source.version()
        source.close()
        assert not isinstance(caught.value, SourceUnreachable)
        assert "hush" not in str(caught.value)
        assert other.connections == 0
        if not isinstance(caught.value, SourceNotFound):
            assert len(origin.requests) == 1

    def test_up_to_https_on_the_same_host_are_followed_and_never_down_again(
        self, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trusted, context = make_certificate(tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        with Origin(tls=context) as secure:
            secure.put("/b.tif", DATA)
            origin.fail("/a.tif", redirect(f"{secure.url}/b.tif", 301), times=2)
            assert read(origin, bearer_token="hush").data == DATA[100:20_000]
            assert "authorization" not in secure.requests[-1].headers, "another port may be another's"
            usual = {
                scheme: int(place.host.partition(":")[2]) for scheme, place in (("http", origin), ("https", secure))
            }
            monkeypatch.setattr(http_url, "_PORTS", usual)
            assert read(origin, bearer_token="hush").data == DATA[100:20_000]
            assert secure.requests[-1].headers["authorization"] == "Bearer hush", "from 80 to 443"
            secure.fail("/b.tif", redirect(f"{origin.url}/a.tif"))
            origin.fail("/a.tif", redirect(f"{secure.url}/b.tif"))
            asked = len(origin.requests)
            with pytest.raises(SourceProtocolError, match="step down"):
                read(origin, redirect_hosts=("127.0.0.1",))
            assert len(origin.requests) == asked + 1

    def test_in_a_circle_end(self, origin: Origin) -> None:
        origin.fail("/a.tif", redirect("/a.tif"), times=9)
        with pytest.raises(SourceProtocolError, match="more than 3 redirects"):
            read(origin)
        assert len(origin.requests) == 4


class TestWholeDocuments:
    def test_need_neither_ranges_nor_conditions_at_the_origin(self, origin: Origin) -> None:
        origin.put("/x", b"{}")
        document = document_at(f"{origin.url}/x")
        first = document.read_whole(10)
        assert first is not None
        origin.fail("/x", Status(200, {"ETag": str(first.version.etag)}, b"{}"))
        assert document.read_whole(10, first.version) is None
        assert origin.ranges("/x") == [None, None]
        origin.fail("/x", Status(200, {}, b"{}"))  # without validators it may have changed
        assert document.read_whole(10, first.version) is not None

    def test_without_an_etag_are_told_by_their_date(self, origin: Origin) -> None:
        origin.put("/x", b"{}", etag="none")
        document = document_at(f"{origin.url}/x")
        first = document.read_whole(10)
        assert first is not None
        assert document.read_whole(10, first.version) is None
        assert origin.requests[-1].headers["if-modified-since"] == first.version.modified
        origin.put("/x", b"[]", etag="none", modified=1_800_000_000.0)
        second = document.read_whole(10, first.version)
        assert second is not None
        assert second.data == b"[]"

    def test_packed_with_gzip_are_unpacked_up_to_the_bound(self, origin: Origin) -> None:
        origin.put("/x", b"")
        document = document_at(f"{origin.url}/x")
        origin.fail("/x", Status(200, {"Content-Encoding": "gzip"}, gzip.compress(b"[1]")))
        read = document.read_whole(100)
        assert read is not None
        assert read.data == b"[1]"
        for body in (gzip.compress(bytes(1 << 20)), gzip.compress(DATA[:50])[:-9], b"no gzip"):
            origin.fail("/x", Status(200, {"Content-Encoding": "gzip"}, body))
            with pytest.raises(SourceProtocolError, match=r"more than 2000 bytes|ended too early|not gzip"):
                document.read_whole(2000)

    def test_longer_than_wanted_are_not_read_to_the_end(self, origin: Origin) -> None:
        origin.put("/x", DATA)
        unbounded = WithHeaders({"Content-Length": None, "Connection": "close"})
        document = document_at(f"{origin.url}/x")
        for fault in ([], [unbounded]):
            for each in fault:
                origin.fail("/x", each)
            with pytest.raises(SourceProtocolError, match=r"wanted 100 at most|more than 100 bytes"):
                document.read_whole(100)

    def test_cut_short_are_read_again(self, origin: Origin) -> None:
        origin.put("/x", DATA)
        origin.fail("/x", Cut(100))
        read = document_at(f"{origin.url}/x").read_whole(len(DATA))
        assert read is not None
        assert read.data == DATA

    def test_elsewhere_are_not_asked_for(self, origin: Origin) -> None:
        with Origin() as other:
            other.put("/x", b"{}")
            origin.fail("/x", redirect(f"{other.url}/x"))
            with pytest.raises(SourceProtocolError, match="redirects to"):
                document_at(f"{origin.url}/x").read_whole(10)
            assert not other.requests


def document_at(url: str) -> Document:
    return make_document(parse_uri(url))


def test_64_threads_read_while_the_origin_stumbles(origin: Origin) -> None:
    source: Source = open_source(f"{origin.url}/a.tif", SourceOptions(retries=2, pool_size=64))
    origin.fail("/a.tif", HangUp(reset=True), times=1)
    origin.fail("/a.tif", Status(500), times=1)
    ranges = [ByteRange(start, start + 999) for start in range(256)]
    with ThreadPoolExecutor(64) as pool:
        actual = list(pool.map(lambda wanted: source.read(wanted).data, ranges))
    assert actual == [DATA[wanted.start : wanted.stop] for wanted in ranges]
    source.close()
