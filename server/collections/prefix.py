"""`prefix`: the TIFFs among the objects of a bucket whose keys begin with the prefix."""

from collections.abc import Iterator
from itertools import chain

from cogread.deadline import Deadline
from cogread.sources import SourceUri
from cogread.sources.listing import list_keys
from server.collections.key_rule import KeyRule
from server.settings.layer_config import CollectionConfig


def make(config: CollectionConfig) -> KeyRule:
    """Make the rule of a collection."""
    scheme, _, place = config.uri.location.partition("://")
    bucket, _, prefix = place.partition("/")

    def listed(deadline: Deadline) -> Iterator[str]:
        keys = chain.from_iterable(list_keys(config.uri, config.options, deadline))
        ordered = sorted(keys) if scheme == "az" else keys  # accounts with folders list by folder
        return (key[len(prefix) :] for key in ordered)

    return KeyRule(config, lambda key: SourceUri(scheme, f"{scheme}://{bucket}/{prefix}{key}"), listed)
