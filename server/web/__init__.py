"""Endpoint families: one module each, one line here."""

from flask import Blueprint

from server.web import health, layers, ogc_tiles, static, tiles, tms, wmts
from server.web import ogc_api as ogc
from server.web import openapi as api_description
from server.web import tilejson_and_gdal as clients

BLUEPRINTS: tuple[Blueprint, ...] = (
    layers.blueprint,
    static.blueprint,
    clients.blueprint,
    tiles.blueprint,
    wmts.blueprint,
    tms.blueprint,
    ogc.blueprint,
    ogc_tiles.blueprint,
    api_description.blueprint,
    health.blueprint,
)
"""What the app serves, in the order in which it is registered."""
