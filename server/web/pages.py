"""HTML pages for browsers: what all have in common, the page of a layer with its map, and that of an error.

Their scripts and styles come from this server; the policy allows no others, inline ones included.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, render_template, request

from cogread import __version__
from cogread.wrap import PICTURES
from cogread.wrap.bin.wrapper import SAMPLES
from server.documents.copy_lines import copy_lines
from server.documents.geographic import geographic_of
from server.documents.layer_json import describe
from server.documents.preview import preview_of
from server.http.public_urls import Links
from server.http.reply import STATUS_LINES
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.web.context import context
from server.web.packed import Key, PackedDocument
from server.web.replies import NEGOTIATED, document
from server.web.static import static_files

_MEDIA_TYPE: Final = "text/html; charset=utf-8"
_SHOWN: Final = {*PICTURES, SAMPLES.extension}
"""Formats that the map draws."""
_MODULES: Final = ("layer/", "openlayers/")
"""Folders of the scripts that import one another, so that browsers load them at once."""


def layer_page(layer: Layer, opened: LayerVersion) -> Response:
    """Reply with the page of a layer. Its lines to copy have absolute URLs, with the Host of the request."""
    ctx = context()

    def values() -> dict[str, Any]:
        """The values of the template."""
        about = describe(layer, opened, ctx.links)
        return {
            "about": about,
            "clients": copy_lines(about, ctx.base_url),
            "is_shown": any(set(level["formats"]) & _SHOWN for level in about["levels"]),
            "modules": [
                name for name in static_files().documents if name.startswith(_MODULES) and name.endswith(".js")
            ],
            "geographic": geographic_of(opened),
            "preview": preview_of(opened),
            "tiles_path": layer.versioned_path(opened),
        }

    return keyed_page("layer.html", layer.document_key(opened), values, ctx.base_url_policy)


def problem_page(response: Response, detail: str) -> Response:
    """Put a page into an error reply, in place of its problem document.

    Args:
        response: the reply.
        detail: the cause, in one sentence.
    """
    status, is_temporary = STATUS_LINES.get(response.status_code, response.status), "Retry-After" in response.headers
    text = _written("problem.html", detail=detail, status=status, path=request.path, is_temporary=is_temporary)
    response.set_data(text)
    response.headers["Content-Type"] = _MEDIA_TYPE
    response.vary.add("Accept")
    return _guarded(response)


def page(template: str, cache_control: str = "no-cache", **values: Any) -> Response:
    """Write a page from a template with these values."""
    body = _written(template, **values).encode()
    return _reply(context().packed.of((blake2b(body).digest(),), lambda: body), cache_control)


def keyed_page(
    template: str, key: Key, values: Callable[[], Mapping[str, Any]], cache_control: str = "no-cache"
) -> Response:
    """Reply with a page that is written once for each key.

    Args:
        template: of the page.
        key: names all that the values depend on beside the URLs of the server and the signature of the request.
        values: makes the values of the template.
        cache_control: by default, caches keep the page and revalidate it.
    """
    ctx = context()
    whole_key = ("page", template, *key, ctx.links, ctx.base_url, ctx.settings.server.title)
    return _reply(ctx.packed.of(whole_key, lambda: _written(template, **values()).encode()), cache_control)


def _reply(packed: PackedDocument, cache_control: str) -> Response:
    return _guarded(document(packed, _MEDIA_TYPE, cache_control, NEGOTIATED))


def _written(template: str, **values: Any) -> str:
    ctx = context()
    static = f"{ctx.link_prefix}/static/{static_files().digest}"
    return render_template(
        template,
        site=ctx.settings.server.title,
        link_prefix=ctx.link_prefix,
        links=ctx.links,
        json_url=Links("", ctx.links.query).to("?f=json"),
        static=static,
        rawcog_version=__version__,
        **values,
    )


def _guarded(response: Response) -> Response:
    """Add the headers of all pages."""
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Content-Security-Policy"] = _policy(context().link_prefix)
    return response


def _policy(prefix: str) -> str:
    """The Content-Security-Policy: pages load from this server, by its `public_url` too, and search there alone."""
    url = urlsplit(prefix)
    own = f"'self' {url.scheme}://{url.netloc}" if url.netloc else "'self'"
    loads = "; ".join(f"{kind}-src {own}" for kind in ("script", "style", "img", "connect"))
    return f"default-src 'none'; {loads}; base-uri 'none'; form-action {own}; frame-ancestors 'none'"
