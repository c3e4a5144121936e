"""The app of a context: tiles by the tile middleware, all else by Flask."""

from functools import partial

from flask import Flask

from server.documents.tms import TmsTiles
from server.documents.wmts.tiles import WmtsTiles
from server.web import STRICT, TILE_URLS, URLS
from server.web.access import Rest
from server.web.context import Context, attach
from server.web.cors import CorsMiddleware
from server.web.error_handlers import install, problem_reply
from server.web.tile_middleware import TileMiddleware
from server.web.tracing import Spans


def make_app(context: Context, spans: Spans | None) -> Flask:
    """Make the app of a context, with spans of its requests where these are traced."""
    catalog, tiles = context.catalog, context.tiles
    app = _flask_app(context)
    wmts = WmtsTiles(catalog, tiles)
    services = {type(service): service.serve for service in (tiles, wmts, TmsTiles(catalog, tiles))}
    by_url = {template: services[service] for template, service in TILE_URLS.items()}
    app.wsgi_app = TileMiddleware(  # type: ignore[method-assign]
        app.wsgi_app,
        tiles,
        wmts,
        by_url,
        context.log,
        context.settings.public_urls,
        partial(problem_reply, app),
        context.authenticator,
    )
    origins = context.settings.server.cors_origins
    if origins != "*":
        app.wsgi_app = CorsMiddleware(app.wsgi_app, frozenset(origins))  # type: ignore[method-assign]
    if spans:
        app.wsgi_app = spans.traced_app(app.wsgi_app)  # type: ignore[method-assign, assignment]
    return app


def _flask_app(context: Context) -> Flask:
    """Make the Flask app with all URLs but those of the tile middleware."""
    app = Flask("server", static_folder=None)  # `web.static` serves them
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False  # a slash at the end of a document's URL changes nothing
    app.url_map.converters["rest"] = Rest
    attach(app, context)
    install(app)
    for rule, view in URLS.items():
        app.add_url_rule(rule, rule, view, methods=["GET"], strict_slashes=rule in STRICT)
    return app
