"""Replies recorded from a server, to replay them and to compare them with another server's."""

import http.client
import pickle
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.server import BenchError, Server


@dataclass(frozen=True, slots=True)
class Recorded:
    """One reply."""

    status_line: str
    headers: list[tuple[str, str]]
    """Headers of the app, without gunicorn's."""
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, "" if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


Recording = Mapping[str, Recorded]
"""Path -> reply."""


def record(server: Server, etags: Mapping[str, str], *statuses: int) -> Recording:
    """Ask for each path once.

    Args:
        server: the server.
        etags: path -> value of If-None-Match, "" for none.
        statuses: those that replies may have.

    Raises:
        BenchError: a reply has another status.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    recording = {}
    for path, etag in etags.items():
        connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        reply = connection.getresponse()
        headers = [header for header in reply.getheaders() if header[0] not in ("Server", "Date", "Connection")]
        recording[path] = Recorded(f"{reply.status} {reply.reason}", headers, reply.read())
        if reply.status not in statuses:
            raise BenchError(f"{path}: status {reply.status}, wanted {' or '.join(map(str, statuses))}")
    connection.close()
    return recording


def check_same(name: str, recording: Recording, wanted: Recording) -> None:
    """Check that a contestant serves the same bytes.

    Raises:
        BenchError: a body differs.
    """
    for path, reply in wanted.items():
        if recording[path].body != reply.body:
            raise BenchError(f"{name}: {path}: other bytes than rawcog's")


def mean_body_bytes(recording: Recording) -> float:
    """Mean size of the bodies."""
    return statistics.mean(len(reply.body) for reply in recording.values())


def save(recording: Recording, path: Path) -> Path:
    """Write the replies as `bench.apps` read them: path -> (status line, headers, body)."""
    replies = {place: (reply.status_line, reply.headers, reply.body) for place, reply in recording.items()}
    path.write_bytes(pickle.dumps(replies))
    return path


def write_requests(etags: Mapping[str, str], path: Path) -> Path:
    """Write the requests as wrk.lua reads them."""
    path.write_text("".join(f"{place}\t{etag}\n" for place, etag in etags.items()))
    return path
