"""Endpoint families: one module each, one line here."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint

from server.documents.tms import TmsTiles
from server.documents.wmts.tiles import WmtsTiles
from server.tiles.request import TMS, WMTS, XYZ, XYZ_MASK
from server.tiles.service import Tiles
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

TILE_URLS: Final[Mapping[str, type[Tiles | WmtsTiles | TmsTiles]]] = {
    XYZ: Tiles,
    XYZ_MASK: Tiles,
    WMTS: WmtsTiles,
    TMS: TmsTiles,
}
"""URLs of tiles that `tile_middleware` serves -> the service that replies."""
