"""Which of its representations a reply is: `f` in the query decides, else the Accept field (RFC 9110 §12.5.1)."""

from collections.abc import Mapping

from flask import request

from server.errors import BadRequest, NotAcceptable


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


def weight(media_type: str) -> float:
    """How much the client wants a media type, 0 to 1; one that says nothing takes all alike."""
    accepted = request.accept_mimetypes
    if not accepted:
        return 1.0
    bare = media_type.partition(";")[0]
    return float(max(accepted.quality(media_type), accepted.quality(bare)))
