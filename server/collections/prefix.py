"""`prefix`: the TIFFs among the objects of a bucket whose keys begin with the prefix."""

from collections.abc import Iterator

from cogread.deadline import Deadline
from cogread.sources import SourceUri
from cogread.sources.listing import list_keys
from server.collections.key_rule import KeyRule
from server.settings.load import CollectionConfig


def make(config: CollectionConfig) -> KeyRule:
    """Make the rule of a collection."""
    bucket, _, prefix = config.uri.location.removeprefix("s3://").partition("/")

    def listed(deadline: Deadline) -> Iterator[str]:
        for keys in list_keys(config.uri, config.options, deadline):
            yield from (key[len(prefix) :] for key in keys)

    return KeyRule(config, lambda key: SourceUri("s3", f"s3://{bucket}/{prefix}{key}"), listed)
