"""The pages for people, for clients that would rather have HTML than JSON: all layers, and one layer with its map.

They bring their scripts and styles along and allow no others: no inline script or style, nothing from elsewhere.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from flask import Response, render_template, request

from cogread import __version__
from cogread.errors import CogError
from cogread.wrap import PICTURES
from server.documents import Json
from server.documents.copy_lines import copy_lines
from server.documents.preview import Preview
from server.documents.summary import Summary
from server.http.reply import STATUS_LINES
from server.web.context import context
from server.web.gzip import packed_document
from server.web.static import static_files

_MEDIA_TYPE: Final = "text/html; charset=utf-8"


class Card(NamedTuple):
    """A layer on the page of all."""

    about: Json
    """Its row of `/layers`."""
    base: str
    """What the URLs of its preview's tiles begin with."""
    preview: Preview | None


def card(about: Json, summary: Summary | CogError | None) -> Card:
    """A layer on the page of all; `about` is its row."""
    if not isinstance(summary, Summary):
        return Card(about, "", None)
    return Card(about, context().root + summary.path, summary.preview)


def layers_page(cards: Iterable[Card]) -> Response:
    """All layers."""
    return _page("layers.html", "no-cache", cards=list(cards), version=__version__)


def layer_page(about: Json) -> Response:
    """One layer, by its JSON. It holds URLs to be copied, which are whole: the host in them is the client's word."""
    ctx = context()
    lines = copy_lines(about, ctx.absolute_root)
    is_shown = any(set(level["formats"]) & set(PICTURES) for level in about["levels"])
    return _page("layer.html", ctx.absolute_policy, about=about, lines=lines, is_shown=is_shown)


def problem_page(made: Response, detail: str) -> Response:
    """The reply to a request that ended in an error, with a page in it instead of a problem document.

    Args:
        made: the reply.
        detail: what happened.
    """
    status, is_brief = STATUS_LINES.get(made.status_code, made.status), "Retry-After" in made.headers
    text = _written("problem.html", detail=detail, status=status, path=request.path, is_brief=is_brief)
    made.set_data(text)
    made.headers["Content-Type"] = _MEDIA_TYPE
    return _guarded(made)


def _page(template: str, cache_control: str, **values: Any) -> Response:
    return _guarded(packed_document(_written(template, **values).encode(), _MEDIA_TYPE, cache_control))


def _written(template: str, **values: Any) -> str:
    ctx = context()
    static = f"{ctx.root}/static/{static_files().digest}"
    return render_template(template, site=ctx.settings.server.title, root=ctx.root, static=static, **values)


def _guarded(made: Response) -> Response:
    """The same with what holds for all pages."""
    made.headers["Referrer-Policy"] = "same-origin"
    made.headers["Content-Security-Policy"] = _policy(context().root)
    made.vary.add("Accept")
    return made


def _policy(root: str) -> str:
    """What a page may load: what this server sends, from its `public_url` too, and nothing else."""
    url = urlsplit(root)
    own = f"'self' {url.scheme}://{url.netloc}" if url.netloc else "'self'"
    loads = "; ".join(f"{kind}-src {own}" for kind in ("script", "style", "img", "connect"))
    return f"default-src 'none'; {loads}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
