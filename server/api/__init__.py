"""Endpoint families: one module each, one line here."""

from flask import Blueprint

from server.api import health, layers, static, tiles

BLUEPRINTS: tuple[Blueprint, ...] = (layers.blueprint, static.blueprint, tiles.blueprint, health.blueprint)
"""What the app serves, in the order in which it is registered."""
