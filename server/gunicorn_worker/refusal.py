"""Replies to requests that gunicorn refuses before the app gets them: problem documents in place of its HTML pages.

gunicorn has no hook for these pages. It picks the status, logs the cause, and writes the page to the client's socket;
`StatusRecorder` takes the place of the socket, so that only the page is replaced.
"""

import re
from typing import Final

from server.gunicorn_worker.request_check import InvalidHost
from server.http.problems import problem
from server.http.reply import STATUS_LINES

_DETAILS: Final = {
    400: "the request is not valid HTTP/1.1",
    414: "the request line is too long: wanted at most 4094 bytes",
    417: "Expect: wanted 100-continue",
    431: "the header fields are too large: wanted at most 100 fields of 8190 bytes, 32 KiB in all",
    501: "Transfer-Encoding: wanted chunked",
}


_CUTS: Final = {"req": re.compile(r"\?"), "version": re.compile(r"\?"), "hdr": re.compile(r"[\s:]")}
"""Attribute of gunicorn's errors that quotes the client -> where the query, or the value of a field, begins."""


class StatusRecorder:
    """A socket that keeps the status of the reply written to it."""

    status = 500

    def gettimeout(self) -> float:
        """Return the timeout of a socket that does not block."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Take gunicorn's page, which begins `HTTP/1.1 414 `."""
        self.status = int(data.split(b" ", 2)[1])


def cut_secrets(error: BaseException) -> None:
    """Shorten what an error quotes of the client, as gunicorn logs it: a query or a field may hold a token."""
    for name, cut in () if isinstance(error, InvalidHost) else _CUTS.items():
        text = getattr(error, name, None)
        if isinstance(text, str):
            setattr(error, name, cut.split(text, maxsplit=1)[0])


def refusal(status: int, error: BaseException) -> bytes:
    """Write the whole reply to a refused request.

    Args:
        status: as gunicorn picked it.
        error: the cause; gunicorn's text of it is for the log alone.
    """
    detail = (
        error.hdr if isinstance(error, InvalidHost) else _DETAILS.get(status, "the server cannot take this request")
    )
    reply = problem(status, detail)
    fields = [("Connection", "close"), *reply.headers]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {STATUS_LINES[status]}\r\n{head}\r\n".encode("latin-1") + reply.body
