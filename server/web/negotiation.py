"""Content negotiation: the representation is chosen by `f` in the query, else by Accept (RFC 9110 §12.5.1)."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from flask import request
from werkzeug.datastructures import MIMEAccept

from server.http.errors import BadRequest, NotAcceptable

_NAME: Final = r"[A-Za-z0-9!#$&^_.+-]+"
"""Pattern of a type or a subtype (RFC 6838 §4.2)."""
_MEDIA_RANGE: Final = re.compile(rf"(?:\*/\*|{_NAME}/(?:\*|{_NAME}))(?:\s*;.*)?")


def asked_format(*allowed: str) -> str | None:
    """Return the value of `f`, None without it.

    Raises:
        BadRequest: the value is not allowed.
    """
    value = request.args.get("f")
    if value is not None and value not in allowed:
        raise BadRequest(f"f={value[:20]!r}: wanted one of: {', '.join(allowed)}")
    return value


def chosen(offered: Mapping[str, Sequence[str]], asked: str | None) -> str:
    """Return the format that the client prefers.

    Args:
        offered: format -> media types that its replies may have, in the server's order of preference.
        asked: value of `f`, which overrules Accept; None without it.

    Raises:
        NotAcceptable: the client accepts none; the message lists the formats.
    """
    weights = {name: float(name == asked) if asked else min(map(weight, kinds)) for name, kinds in offered.items()}
    best = max(weights, key=lambda name: weights[name], default=None)
    if best is None or weights[best] <= 0:
        these = ", ".join(f"{' or '.join(kinds)} (f={name})" for name, kinds in offered.items()) or "nothing"
        raise NotAcceptable(f"none of the formats is acceptable; offered: {these}")
    return best


def prefers_html() -> bool:
    """Tell whether the reply is to be HTML: by `f`, else where Accept prefers it to JSON, as browsers do."""
    value = request.args.get("f")
    if value is not None:
        return value == "html"
    weights = request.accept_mimetypes
    return bool(weights) and weights["text/html"] > weights["application/json"]


def accepted() -> MIMEAccept:
    """Parse Accept; empty if the field is missing or has no valid media range.

    Invalid media ranges are skipped, so that a client with a misspelt one gets the default reply rather than a 406.
    """
    ranges = [(text, quality) for text, quality in request.accept_mimetypes if _MEDIA_RANGE.fullmatch(text)]
    return MIMEAccept(ranges)


def weight(media_type: str) -> float:
    """The client's quality value of a media type, 0 to 1; without Accept 1 for all."""
    ranges = accepted()
    if not ranges:
        return 1.0
    bare = media_type.partition(";")[0]
    return float(max(ranges.quality(media_type), ranges.quality(bare)))
