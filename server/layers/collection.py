"""A collection: its rule, and its members as layers."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol

from cogread.deadline import Deadline
from cogread.errors import CogError
from cogread.sources import SourceUri
from server.cache.lru import ByteLru
from server.collections import Member, Page, Query, Rule
from server.http.errors import ListUnavailable, UnknownLayer
from server.layers.layer import SERIALS, Layer
from server.settings.attribution import Attribution, Part
from server.settings.layer_config import CollectionConfig, LayerConfig

SEPARATOR: Final = ":"
"""Between the name of a collection and that of its member."""

MEMBER_BYTES: Final = 8 << 10
"""Memory of a member's layer that is not open, with its source."""

_PART: Final = re.compile(r"\{(\w+)\}", re.ASCII)


class Collection:
    """A collection of the running server: its rule, and its members as layers. Thread-safe.

    A member's layer is made when it is asked for and kept while it is among those used last. Making it asks no origin,
    and its open version and bytes are in caches of their own, by name: an evicted layer costs microseconds.
    """

    def __init__(
        self,
        config: CollectionConfig,
        rule: Rule,
        make_layer: Callable[[LayerConfig], Layer],
        layers: "ByteLru[tuple[Collection, str], Layer]",
    ) -> None:
        """Make a collection; nothing is read yet.

        Args:
            config: its configuration.
            rule: names its members.
            make_layer: makes the layer of a member.
            layers: members of all collections that were used last.
        """
        self.config, self.rule = config, rule
        self.serial: Final = next(SERIALS)
        """Number in the worker, as that of a layer."""
        self.path: Final = f"/layers/{config.name}"
        """Path of its document, below the server's base URL."""
        self.title: Final = self._text(dict.fromkeys(rule.parts, "…")) or config.name
        self._make_layer, self._layers = make_layer, layers

    def __getitem__(self, name: str) -> Layer:
        """The member of this name, without that of the collection.

        Raises:
            UnknownLayer: the rule allows no such name.
            ListUnavailable: the list that tells the names cannot be read.
        """
        layer = self.get(name)
        if layer is not None and self.rule.is_fixed:
            return layer
        try:
            member = self.rule.find(name)
        except CogError as error:
            raise ListUnavailable(self.config.name, error) from error
        if member is None:
            raise UnknownLayer(f"collection {self.config.name!r} has no member {name[:100]!r}; see {self.path}")
        if member.refusal is not None:
            raise UnknownLayer(
                f"member {name[:100]!r} of collection {self.config.name!r} is no layer: {member.refusal}"
            )
        return self.layer(member)

    def get(self, name: str) -> Layer | None:
        """The member of this name, if it is among those used last."""
        return self._layers.get((self, name))

    def layer(self, member: Member) -> Layer:
        """The layer of a member."""
        layer, title = self.get(member.name), self.member_title(member)
        attribution = Attribution((Part(member.attribution),)) if member.attribution else self.config.attribution
        if layer is None or _shown(layer.config) != (member.uri, title, attribution):
            name = f"{self.config.name}{SEPARATOR}{member.name}"
            layer = self._make_layer(self.config.member(name, member.uri, title, attribution, member.is_own))
            layer.holds = None if self.rule.is_fixed else partial(self.rule.holds, member)
            self._layers.put((self, member.name), layer, MEMBER_BYTES)
        return layer

    def page(self, query: Query) -> Page:
        """See `Rule.page`.

        Raises:
            ListUnavailable: the members cannot be listed.
        """
        try:
            return self.rule.page(query)
        except CogError as error:
            raise ListUnavailable(self.config.name, error) from error

    def member_title(self, member: Member) -> str:
        """The title of a member: by the config where that names parts, else its own behind that of the collection."""
        if "{" in (self.config.fields.title or ""):
            return self._text(member.parts)
        own = member.title or member.name.replace("~", "/")
        return f"{self.title}: {own}" if self.config.fields.title else own

    def _text(self, parts: Mapping[str, str]) -> str:
        """The title of the config with values in place of its parts."""
        return _PART.sub(lambda part: parts.get(part[1], ""), self.config.fields.title or "")


class InTime(Protocol):
    """The members of a collection in time; see `server.layers.series`."""

    collection: Collection

    def labels(self) -> tuple[str, ...]:
        """The times as documents name them, ascending."""
        ...

    def span(self) -> tuple[str, str] | None:
        """First and last instant of the members; None: none has a time."""
        ...

    def layer(self) -> Layer:
        """The layer of the latest member under the name of the collection."""
        ...

    def at(self, text: str, deadline: Deadline) -> Layer:
        """The member of a time."""
        ...


def _shown(config: LayerConfig) -> tuple[SourceUri, str, Attribution | None]:
    """The part of a member's configuration that its rule gives."""
    return config.uri, config.title, config.attribution
