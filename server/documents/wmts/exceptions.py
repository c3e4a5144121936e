"""Exception reports of WMTS: errors of requests by key-value pairs, in XML (OGC 06-121r3 §8)."""

from typing import Final
from xml.sax.saxutils import escape

from server.documents.xml_text import element, xml_text
from server.http.errors import BadRequest, NotSupported
from server.http.problems import public_reason, reply_to
from server.http.reply import Reply

MEDIA_TYPE: Final = "application/xml"

_OWS: Final = "http://www.opengis.net/ows/1.1"
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<ows:ExceptionReport xmlns:ows="{_OWS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{_OWS} http://schemas.opengis.net/ows/1.1.0/owsExceptionReport.xsd"'
    ' version="1.1.0" xml:lang="en">\n'
)


class OwsError(BadRequest):
    """A request that cannot be answered.

    Attributes:
        code: code of OGC 07-057r7, tables 20, 24 and 26, such as `TileOutOfRange`.
        locator: the wrong parameter; None if there is none.
    """

    def __init__(self, code: str, message: str, locator: str | None = None) -> None:
        super().__init__(message)
        self.code, self.locator = code, locator


class OperationNotSupported(NotSupported, OwsError):
    """A request for an operation that the standard has and the server has not; the locator names it."""


def invalid(locator: str, value: str, wanted: str) -> OwsError:
    """The error for a parameter with an invalid value."""
    return OwsError("InvalidParameterValue", f"{locator}={value[:100]!r}: wanted {wanted}", locator)


def report(error: BaseException) -> Reply:
    """The reply to a failed request by key-value pairs."""
    as_problem = reply_to(error)
    code, locator = "NoApplicableCode", None
    if isinstance(error, OwsError):
        code, locator = error.code, error.locator
    text = element("ows:ExceptionText", escape(xml_text(public_reason(error))))
    where = {} if locator is None else {"locator": locator}
    body = f"{_HEAD}{element('ows:Exception', text, exceptionCode=code, **where)}\n</ows:ExceptionReport>\n".encode()
    content = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))]
    others = [field for field in as_problem.headers if field[0] not in ("Content-Type", "Content-Length")]
    return Reply(as_problem.status, content + others, body)
