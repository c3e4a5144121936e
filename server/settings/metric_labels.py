"""Labels of layers and sources in metrics: their number is bounded by the config file, not by clients."""

from collections.abc import Mapping
from typing import Final

from server.settings.load import Settings

MOST_LAYERS: Final = 100
"""Layers that have a label each; of more, those of one source share the label `source:NAME`."""

REDIS: Final = "redis"
"""Name of Redis among the sources."""


def metric_groups(settings: Settings) -> Mapping[str, str]:
    """Map the name of each layer and collection, and that of a collection with ':' at its end, to its label."""
    is_each = len(settings.layers) <= MOST_LAYERS
    layers = {name: name if is_each else f"source:{layer.source_name}" for name, layer in settings.layers.items()}
    return layers | {name: name.rstrip(":") for each in settings.collections for name in (each, f"{each}:")}


def source_names(settings: Settings) -> frozenset[str]:
    """The names of all sources that layers are read from, and of Redis where it is configured."""
    layers = {layer.source_name for layer in settings.layers.values()}
    collections = {collection.source_name for collection in settings.collections.values()}
    return frozenset(layers | collections | ({REDIS} if settings.redis_url else set()))
