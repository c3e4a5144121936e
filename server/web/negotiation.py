"""Which of its representations a reply is: `f` in the query decides, else the Accept field (RFC 9110 §12.5.1)."""

import re
from collections.abc import Mapping
from typing import Final

from flask import request
from werkzeug.datastructures import MIMEAccept

from server.http.errors import BadRequest, NotAcceptable

_NAME: Final = r"[A-Za-z0-9!#$&^_.+-]+"
"""Of a type or a subtype (RFC 6838 §4.2)."""
_MEDIA_RANGE: Final = re.compile(rf"(?:\*/\*|{_NAME}/(?:\*|{_NAME}))(?:\s*;.*)?")


def asked_format(*known: str) -> str | None:
    """The value of `f`, None if there is none.

    Raises:
        BadRequest: it is none of those that are known.
    """
    asked = request.args.get("f")
    if asked is not None and asked not in known:
        raise BadRequest(f"f={asked[:20]!r}: wanted one of: {', '.join(known)}")
    return asked


def chosen(offered: Mapping[str, str], asked: str | None) -> str:
    """The representation that a client wants most.

    Args:
        offered: format -> media type, those that are preferred first.
        asked: the value of `f`, if there is one.

    Raises:
        NotAcceptable: nothing that is offered will do; the message lists it.
    """
    weights = {name: float(name == asked) if asked else weight(media_type) for name, media_type in offered.items()}
    best = max(weights, key=lambda name: weights[name], default=None)
    if best is None or weights[best] <= 0:
        these = ", ".join(f"{media_type} (f={name})" for name, media_type in offered.items()) or "nothing"
        raise NotAcceptable(f"what is asked for is not to be had here; offered: {these}")
    return best


def prefers_html() -> bool:
    """Tell whether the reply is to be HTML: by `f`, else where Accept prefers it to JSON, as browsers do."""
    asked = request.args.get("f")
    if asked is not None:
        return asked == "html"
    return request.accept_mimetypes["text/html"] > request.accept_mimetypes["application/json"]


def accepted() -> MIMEAccept:
    """What the client accepts; nothing where it does not say, or nothing that can be understood.

    What is no media range is passed over: who spells one wrongly is better off with the usual reply than with a 406.
    """
    ranges = [(text, quality) for text, quality in request.accept_mimetypes if _MEDIA_RANGE.fullmatch(text)]
    return MIMEAccept(ranges)


def weight(media_type: str) -> float:
    """How much the client wants a media type, 0 to 1; one that says nothing takes all alike."""
    ranges = accepted()
    if not ranges:
        return 1.0
    bare = media_type.partition(";")[0]
    return float(max(ranges.quality(media_type), ranges.quality(bare)))
