"""Endpoint families: one module each, one line here."""

from flask import Blueprint

from server.api import api_description, clients, health, layers, ogc, ogc_tiles, static, tiles, tms, wmts

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
