"""`/layers/{layer}/cog.tif`: the file itself, for all clients that read COGs by byte ranges."""

from typing import Final

from flask import Response, request

from cogread.deadline import Deadline
from cogread.errors import SourceChanged
from server.documents.client_links import NOT_SERVED
from server.file.body import FileBody
from server.gunicorn_worker.client_socket import ClientSocket
from server.http.errors import UnknownUrl
from server.http.reply import redirect
from server.tiles.request import BUDGET_S, split_version
from server.web.context import context
from server.web.replies import response
from server.web.versioned import moved

PRESIGNED_S: Final = 3600
"""Lifetime of a URL of the bucket: a client that opens a file keeps to the URL that it was sent to."""


def cog(name: str) -> Response:
    """The file or ranges of it; a file that is replaced before the first byte is sent is tried again, once."""
    deadline = Deadline.after(BUDGET_S)
    try:
        return _reply(name, deadline)
    except SourceChanged:
        return _reply(name, deadline)


def _reply(name: str, deadline: Deadline) -> Response:
    ctx = context()
    name, version = split_version(name)
    layer = ctx.layer(name)
    if not layer.config.file:
        raise UnknownUrl(f"layer {name!r}: {NOT_SERVED}")
    if layer.config.file == "redirect" and version in (None, layer.source.version(deadline).key):
        return response(redirect(layer.source.presigned_url(ctx.caller.within(PRESIGNED_S), deadline)))
    opened = layer.open(deadline)
    if version is not None and version != opened.version_key:
        return moved(f"{layer.path}/cog.tif")
    sock = request.environ.get("gunicorn.socket")
    plan, body = ctx.files.reply(
        layer,
        opened,
        request.headers.get,
        deadline,
        is_head=request.method == "HEAD",
        is_versioned=version is not None,
        takes_thread=not isinstance(sock, ClientSocket),
    )
    if isinstance(body, FileBody) and isinstance(sock, ClientSocket):
        sock.send_later(body)
        body = ()
    flask_response = Response(body, plan.status, plan.headers, direct_passthrough=True)
    if plan.status == 304:
        del flask_response.headers["Content-Type"]
    return flask_response
