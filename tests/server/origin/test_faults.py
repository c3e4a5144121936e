"""Whatever an origin does, through the whole server: its status, what a client may know, one line in the log, and that
nothing of it stays once the origin is well again.

One server has four layers for each fault: `cold`, whose header is not known when the fault comes; `warm`, where it
hits the read of a tile; `file`, where it hits the read of a range of the file; and `once`, where it hits the read of a
tile a single time. All are asked at the same moment, for some faults take their time.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.support import faults
from tests.support.app import client, layer, problem
from tests.support.faults import Cut, Drip, HangUp, Raw, Status, WithHeaders, redirect
from tests.support.gunicorn import Gunicorn
from tests.support.handmade import image, tiff
from tests.support.origin import EtagKind, Fault, Origin
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

FILE = gdal_tiff("jpeg-ycbcr") + bytes(range(200)) * 500
RANGE = (len(FILE) - 40_000, len(FILE))
"""No part of the header."""
FIRST, SECOND = "native/0/0/0.jpg", "native/1/0/0.jpg"
CLIENTS = 24
"""Fewer than a worker has threads, so that each fault has the time that it takes to itself."""

SECRETS = ("hunter1", "hunter2")
STORE = """
[sources.s3]
type = "s3"
endpoint_url = "{url}"
region = "us-east-1"
access_key_id_env = "STORE_KEY"
secret_access_key_env = "STORE_SECRET"
[sources.gs]
type = "gs"
endpoint_url = "{url}"
access_key_id_env = "STORE_KEY"
secret_access_key_env = "STORE_SECRET"
[sources.az]
type = "az"
endpoint_url = "{url}"
account = "fieldwork"
sas_token_env = "STORE_SECRET"
"""


CONNECTIONS = 3
"""Kept connections that may be closed by the origin before one is made anew."""


@dataclass(frozen=True, slots=True)
class Row:
    """A fault and what comes of it."""

    fault: Fault
    status: int
    cause: str
    """Class of the error, as the log names it."""
    asked: int = 1
    """Requests at the origin for one of a client."""
    retry_after: str | None = "3"

    @property
    def is_tried_again(self) -> bool:
        return self.asked == 2


def refused(status: int, code: str) -> Status:
    """As S3 says no."""
    return Status(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())


NO_BYTES = partial(Row, status=502, cause="SourceProtocolError")
BROKEN = partial(Row, status=502, cause="SourceUnreachable", asked=2)
FORBIDDEN = partial(Row, status=502, cause="SourceForbidden")
BUSY = partial(Row, status=503, cause="SourceBusy", asked=2)
GONE = partial(Row, status=404, cause="SourceNotFound", retry_after=None)
TIMEOUT = partial(Row, status=504, cause="SourceTimeout")

ROWS: dict[str, Row] = {
    "short": NO_BYTES(Cut(10), asked=2),
    "empty": NO_BYTES(Cut(0), asked=2),
    "shifted": NO_BYTES(faults.shifted, asked=2),
    "multipart": NO_BYTES(faults.multipart, asked=2),
    "endless": NO_BYTES(faults.endless, asked=2),
    "gzip": NO_BYTES(WithHeaders({"Content-Encoding": "gzip"}), asked=2),
    "unranged": NO_BYTES(WithHeaders({"Content-Range": None}), asked=2),
    "lengths": NO_BYTES(WithHeaders({"Content-Length": "7"}), asked=2),
    "whole": NO_BYTES(faults.ignore_range),
    "html": NO_BYTES(Status(200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>")),
    "204": NO_BYTES(Status(204)),
    "304": NO_BYTES(Status(304)),
    "400": NO_BYTES(Status(400)),
    "500": NO_BYTES(Status(500, {}, b"Traceback"), asked=2),
    "502": NO_BYTES(Status(502), asked=2),
    "no-http": NO_BYTES(Raw(b"SSH-2.0-OpenSSH_9.9\r\n")),
    "elsewhere": NO_BYTES(redirect("http://127.0.0.1:9/a.tif")),
    "metadata": NO_BYTES(redirect("http://169.254.169.254/latest/meta-data/", 307)),
    "scheme": NO_BYTES(redirect("file:///etc/passwd")),
    "hang-up": BROKEN(HangUp()),
    "reset": BROKEN(HangUp(reset=True)),
    "cut-off": BROKEN(Cut(10, reset=True)),
    "401": FORBIDDEN(Status(401, {"WWW-Authenticate": "Basic"})),
    "403": FORBIDDEN(Status(403)),
    "429": BUSY(Status(429, {"Retry-After": "20"}), retry_after="20"),
    "503": BUSY(Status(503, {"Retry-After": "86400"}), retry_after="60"),
    "busy": BUSY(Status(503, {"Retry-After": "soon"}), retry_after="1"),
    "404": GONE(Status(404)),
    "410": GONE(Status(410)),
    "hang": TIMEOUT(faults.hang),
    "drip": TIMEOUT(Drip()),
    "s3-key": FORBIDDEN(refused(403, "InvalidAccessKeyId")),
    "s3-secret": FORBIDDEN(refused(403, "SignatureDoesNotMatch")),
    "s3-expired": FORBIDDEN(refused(400, "ExpiredToken")),
    "s3-gone": GONE(refused(404, "NoSuchKey")),
    "gs-secret": FORBIDDEN(refused(403, "SignatureDoesNotMatch")),
    "az-key": FORBIDDEN(Status(403, {"x-ms-error-code": "AuthenticationFailed"})),
    "az-closed": FORBIDDEN(Status(409, {"x-ms-error-code": "PublicAccessNotPermitted"})),
    "az-gone": GONE(Status(404, {"x-ms-error-code": "ContainerNotFound"})),
    "az-busy": BUSY(Status(503, {"x-ms-error-code": "ServerBusy"}), retry_after="1"),
    "s3-slow": BUSY(refused(503, "SlowDown"), retry_after="1"),
}

CASES = [(name, state) for name, row in ROWS.items() for state in ("cold", "warm", "file")]
ONCE = [name for name, row in ROWS.items() if row.is_tried_again]
ALL = [*CASES, *((name, "once") for name in ONCE)]


def path_of(name: str, state: str) -> str:
    return f"/imagery/{state}/{name}.tif"


def layer_of(name: str, state: str, url: str) -> str:
    path = path_of(name, state)
    scheme = name.partition("-")[0]
    if scheme in ("s3", "gs", "az"):
        return layer(f"{state}-{name}", f"{scheme}:/{path}", f"source = '{scheme}'")
    return layer(f"{state}-{name}", f"{url}{path}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a case."""

    reply: requests.Response
    asked: int
    lines: list[str]
    """Lines of the log."""


@dataclass(frozen=True, slots=True)
class Story:
    """The outcomes of all cases."""

    outcomes: dict[tuple[str, str], Outcome]
    reasons: dict[str, tuple[str | None, str | None]]
    """Errors of the cold layers, in the list and at the layer's own URL."""
    log: str
    host: str
    """The origin's."""


def tile(server: Gunicorn, name: str, state: str, place: str) -> requests.Response:
    """Within the 30 s of a platform's router. The second tile of `file` is the range."""
    if (state, place) == ("file", SECOND):
        wanted = {"Range": f"bytes={RANGE[0]}-{RANGE[1] - 1}"}
        return requests.get(f"{server.url}/layers/{state}-{name}/cog.tif", headers=wanted, timeout=25)
    return requests.get(f"{server.url}/layers/{state}-{name}/tiles/{place}", timeout=25)


def tell(server: Gunicorn, origin: Origin) -> Story:
    for name, state in ALL:
        if state != "cold":
            assert tile(server, name, state, FIRST).status_code == 200
    before = {case: len(origin.ranges(path_of(*case))) for case in ALL}
    for name, state in ALL:
        origin.fail(path_of(name, state), ROWS[name].fault, 1 if state == "once" else 100)
    with ThreadPoolExecutor(CLIENTS) as clients:
        replies = list(clients.map(lambda case: tile(server, case[0], case[1], SECOND), ALL))
    wait_until(lambda: sum(is_of(line, *case) for case in ALL for line in server.log().splitlines()) >= len(ALL))
    lines = server.log().splitlines()
    outcomes = {
        (name, state): Outcome(
            reply,
            len(origin.ranges(path_of(name, state))) - before[name, state],
            [line for line in lines if is_of(line, name, state)],
        )
        for (name, state), reply in zip(ALL, replies, strict=True)
    }
    return Story(outcomes, reasons_of(server), server.log(), origin.host)


def is_of(line: str, name: str, state: str) -> bool:
    """Tell whether a line of the log is that of the request that the fault hit."""
    target = f" path=/layers/{state}-{name}/cog.tif " if state == "file" else f" layer={state}-{name} tile={SECOND} "
    return target in line


def reasons_of(server: Gunicorn) -> dict[str, tuple[str | None, str | None]]:
    rows = {row["name"]: row for row in requests.get(f"{server.url}/layers", timeout=25).json()["layers"]}
    names = [f"cold-{name}" for name in ROWS]
    with ThreadPoolExecutor(CLIENTS) as clients:
        replies = clients.map(lambda name: requests.get(f"{server.url}/layers/{name}", timeout=25).json(), names)
        return {
            name: (rows[name].get("reason"), reply.get("detail")) for name, reply in zip(names, replies, strict=True)
        }


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Gunicorn, Origin]]:
    with Origin() as origin:
        config = "[server]\nrevalidate_s = 3600\n" + STORE.format(url=origin.url)
        for name, state in [*ALL, ("sound", "warm"), ("sound", "file")]:
            origin.put(path_of(name, state), FILE)
            config += layer_of(name, state, origin.url)
        secrets = dict(zip(("STORE_KEY", "STORE_SECRET"), SECRETS, strict=True))
        with Gunicorn({"WEB_CONCURRENCY": "1", **secrets}, config) as running:
            yield running, origin


@pytest.fixture(scope="module")
def story(server: tuple[Gunicorn, Origin]) -> Story:
    return tell(*server)


@pytest.mark.parametrize(("name", "state"), CASES)
def test_a_fault_is_told_without_a_place_and_logged_with_its_cause(name: str, state: str, story: Story) -> None:
    row, outcome = ROWS[name], story.outcomes[name, state]
    reply, headers = outcome.reply, outcome.reply.headers
    assert (reply.status_code, headers.get("Retry-After")) == (row.status, row.retry_after), reply.text
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Cache-Control"] == "no-store"
    assert not {"ETag", "Set-Cookie", "Location"} & headers.keys()
    assert not [word for word in (story.host, "127.0.0.1", ".tif", *SECRETS) if word in reply.text + str(headers)]
    assert reply.json()["status"] == row.status
    assert len(outcome.lines) == 1
    assert f"status={row.status} " in outcome.lines[0]
    assert f'cause="{row.cause}: ' in outcome.lines[0]
    assert row.asked <= outcome.asked <= row.asked + (CONNECTIONS if isinstance(row.fault, HangUp) else 0)


def test_a_list_names_the_same_cause_as_the_layer_itself(story: Story) -> None:
    assert len(story.reasons) == len(ROWS)
    assert {name: listed for name, (listed, own) in story.reasons.items() if listed is None or listed != own} == {}


@pytest.mark.parametrize("name", ONCE)
def test_a_fault_that_comes_once_is_not_noticed(name: str, story: Story, server: tuple[Gunicorn, Origin]) -> None:
    outcome, sound = story.outcomes[name, "once"], tile(server[0], "sound", "warm", SECOND)
    assert (outcome.reply.status_code, outcome.reply.content) == (200, sound.content)
    assert outcome.asked == 2


@pytest.mark.parametrize(("name", "state"), CASES)
def test_nothing_of_a_fault_stays(name: str, state: str, story: Story, server: tuple[Gunicorn, Origin]) -> None:
    running, origin = server
    for case in ALL:
        origin.mend(path_of(*case))
    wait_until(lambda: tile(running, name, state, SECOND).ok)
    sound = "file" if state == "file" else "warm"
    for place in (FIRST, SECOND):
        assert tile(running, name, state, place).content == tile(running, "sound", sound, place).content


def test_no_fault_is_one_of_ours_nor_tells_a_secret(story: Story) -> None:
    assert "Traceback" not in story.log
    assert not [secret for secret in SECRETS if secret in story.log]


@pytest.mark.parametrize("status", [412, 416])
def test_a_sign_of_change_has_the_header_read_anew_and_is_an_error_if_it_lasts(status: int, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        etag = app.get(f"/layers/a/tiles/{FIRST}").headers["ETag"]
        origin.fail("/a.tif", Status(status))
        before = len(origin.requests)
        assert app.get(f"/layers/a/tiles/{SECOND}").status_code == 200
        refused, header, again = origin.ranges("/a.tif")[before:]
        assert header is not None
        assert (header[0], again) == (0, refused)
        assert app.get(f"/layers/a/tiles/{FIRST}").headers["ETag"] == etag
        origin.fail("/a.tif", Status(status), times=100)
        reply = app.get("/layers/a/tiles/native/1/1/0.jpg")
        problem(reply, 503 if status == 412 else 502)


@pytest.mark.parametrize(("etag", "is_sent"), [("strong", True), ("weak", False), ("none", False)])
def test_only_strong_etags_are_sent_back_to_the_origin(etag: EtagKind, is_sent: bool, tmp_path: Path) -> None:
    with Origin() as origin:
        origin.put("/a.tif", FILE, etag)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        assert app.get(f"/layers/a/tiles/{FIRST}").status_code == 200
        tag = origin.resource("/a.tif").etag if is_sent else None
        assert origin.requests[-1].headers.get("if-match") == tag


def test_an_index_that_lies_about_the_size_of_a_tile_has_nothing_large_read(tmp_path: Path) -> None:
    lying = tiff(image(16, 16, (16, 16), tiles=[bytes(8_000_000)]))
    with Origin() as origin:
        origin.put("/a.tif", lying)
        app = client(tmp_path, layer("a", f"{origin.url}/a.tif"))
        assert "8000000 bytes, wanted at most" in problem(app.get("/layers/a/tiles/native/0/0/0.tif"), 502)
        assert origin.sent_bytes < 200_000


def test_an_origin_of_an_unknown_name_cannot_be_reached(tmp_path: Path) -> None:
    app = client(tmp_path, layer("a", "http://nothing.invalid/a.tif"))
    assert problem(app.get(f"/layers/a/tiles/{FIRST}"), 502) == "the layer's origin cannot be reached"


def test_no_query_or_field_of_a_client_changes_what_others_are_given(tmp_path: Path) -> None:
    for name, kind in (("a", "jpeg-ycbcr"), ("b", "deflate")):
        (tmp_path / f"{name}.tif").write_bytes(gdal_tiff(kind))
    app = client(tmp_path, layer("a", "a.tif") + layer("b", "b.tif"))
    odd = {"Cookie": "a=b", "Authorization": "Basic eDp5", "X-HTTP-Method-Override": "DELETE"}
    for url, vary in ((f"/layers/a/tiles/{FIRST}", None), ("/layers/b/tiles/native/0/0/0.bin", "Accept-Encoding")):
        plain = app.get(url)
        assert (plain.status_code, plain.headers.get("Vary")) == (200, vary)
        for query in ("x=1", "utm_source=a&_=123", "etag=%22x%22", "%0d%0aX:1", "=", "&&", "callback=f"):
            reply = app.get(f"{url}?{query}", headers=odd)
            assert (reply.data, reply.headers) == (plain.data, plain.headers)
        assert "Set-Cookie" not in plain.headers
