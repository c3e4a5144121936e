"""Checks of requests that RFC 9112 demands and gunicorn omits, for Host and for bodies."""

import re
from typing import Any, Final

from gunicorn.http.errors import InvalidHeader

_NAME: Final = r"[A-Za-z0-9._~!$&'()*+,;=-]*+"
_HOST: Final = re.compile(
    rf"(?:{_NAME}(?:%[0-9A-Fa-f]{{2}}{_NAME})*|\[[A-Za-z0-9._~!$&'()*+,;=:-]{{2,100}}\])(?::[0-9]*)?"
)
"""`uri-host [ ":" port ]` of RFC 9110 §7.2, with the names and addresses of RFC 3986 §3.2.2.

No group is possessive: before 3.11.5, Python loses characters where the last round of one fails.
"""

_LENGTH: Final = re.compile(r"0{0,99}[0-9]{1,18}")
"""Values of Content-Length that both of gunicorn's parsers take: that in C takes 63 bits, that in Python any number."""


class InvalidHost(InvalidHeader):  # type: ignore[misc]  # gunicorn has no types
    """The Host field is missing or invalid; `hdr` is the message for the client."""


def check(_: object, request: Any) -> None:
    """Refuse a request without a valid Host (RFC 9112 §3.2), and end the connection after a request with a body.

    No endpoint reads a body, so its end need not be found.

    Args:
        request: gunicorn's, whose parser has refused two Hosts, and Transfer-Encoding beside Content-Length.

    Raises:
        InvalidHeader: gunicorn replies with 400 and closes the connection.
    """
    host = None
    for name, value in request.headers:
        if name == "HOST":
            host = value
        elif name == "TRANSFER-ENCODING":
            request.force_close()
        elif name == "CONTENT-LENGTH" and value != "0":
            if not _LENGTH.fullmatch(value):
                raise InvalidHeader(name, req=request)
            request.force_close()
    if host is None:
        if request.version >= (1, 1):
            raise InvalidHost("Host: missing, wanted a name or an address")
    elif not _HOST.fullmatch(host):
        raise InvalidHost("Host: wanted a name or an address, with or without a port")
