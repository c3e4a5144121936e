"""Name -> layer: its configuration, its source, and its header after the first read; and the collections of layers."""

import re
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from itertools import count
from typing import Final, NamedTuple, Protocol, TypeVar

from cogread.crs.lookup import CrsResolver
from cogread.deadline import Deadline
from cogread.errors import CogError, OutOfTime
from cogread.reader import read_cog
from cogread.sources import SourceUri
from cogread.wrap import WITH_REPACKED, WRAPPERS
from server.access.caller import PUBLIC, Caller
from server.cache.lru import ByteLru
from server.collections import Member, Page, Query, Rule
from server.http.errors import UnknownLayer
from server.http.reply import EVERY_REPLY, IMMUTABLE, cache_control
from server.layers.layer_version import LayerVersion
from server.layers.similar_names import SimilarNames
from server.origin.cached_source import CachedSource
from server.resilience.failures import Failures, copy_of
from server.resilience.layer_fault import one_layer
from server.settings.attribution import Attribution, Part
from server.settings.collections import MEMBER_NAME
from server.settings.load import CollectionConfig, LayerConfig

SEPARATOR: Final = ":"
"""Between the name of a collection and that of its member."""

MEMBER_BYTES: Final = 8 << 10
"""Memory of a member's layer that is not open, with its source."""

_PART: Final = re.compile(r"\{(\w+)\}", re.ASCII)

FAILURES_S: Final[Mapping[type[Exception], float]] = {CogError: 3.0}
"""Lifetime in seconds of the error of a layer that could not be opened."""

_SERIALS: Final = count()


class OpenKey(NamedTuple):
    """All that an open version depends on beside the bytes of the file."""

    name: str
    """The layer's; layers of the same file have an open version each."""
    identity: str
    """The source's."""
    jxl: bool


class Layer:
    """A layer of the running server. Thread-safe."""

    def __init__(
        self,
        config: LayerConfig,
        source: CachedSource,
        open_versions: ByteLru[OpenKey, LayerVersion],
        failures: Failures,
        resolver: CrsResolver,
    ) -> None:
        """Make a layer; nothing is read yet.

        Args:
            config: its configuration.
            source: its file.
            open_versions: open layer versions of the worker.
            failures: errors of the worker's layers that could not be opened, by name.
            resolver: resolves CRSs.
        """
        self.config, self.source = config, source
        self.serial: Final = next(_SERIALS)
        """Number in the worker: a layer of the same name with another configuration has another."""
        self.is_public: Final = config.access == PUBLIC
        """True: it takes no right to read it."""
        self.path: Final = f"/layers/{config.name}"
        """Path of the layer's document, and prefix of its tiles, below the server's base URL."""
        self.headers: Final = (("Cache-Control", cache_control(config.max_age_s)), *EVERY_REPLY)
        """Headers of every reply that has an ETag."""
        self.immutable_headers: Final = (("Cache-Control", IMMUTABLE), *EVERY_REPLY)
        """The same for URLs that name a version."""
        self.open_key: Final = OpenKey(config.name, config.identity, config.jxl)
        """Key of its open version."""
        self._open_versions = open_versions
        self._failures = failures
        self._resolver = resolver
        self._opening = threading.Lock()
        self.holds: Callable[[], bool] | None = None
        """Tells whether the layer is still that of its name; None: always."""
        self.last_error: CogError | None = None
        """Error of the last try to open the layer; None after a success and before the first try."""

    def under(self, config: LayerConfig, kind: "type[L]") -> "L":
        """The same file as a layer of another configuration."""
        return kind(config, self.source, self._open_versions, self._failures, self._resolver)

    def open(self, deadline: Deadline) -> LayerVersion:
        """The layer's current version; reads the header if needed.

        Args:
            deadline: when the call gives up.

        Raises:
            CogError: the source cannot be read or is no COG; the error is repeated for a moment (`FAILURES_S`).
        """
        try:
            opened = self._open(deadline)
        except CogError as error:
            self.last_error = copy_of(error)
            raise
        self.last_error = None
        return opened

    def _open(self, deadline: Deadline) -> LayerVersion:
        last = self.last_version()
        if last is not None:
            version = self.source.version(deadline)
            if version is last.cog.version or version == last.cog.version:
                return last
        self._failures.check(self.config.name)
        with self.source.waiting(deadline) as limit:
            if not self._opening.acquire(timeout=limit.left_s):
                raise OutOfTime(f"layer {self.config.name!r}: its header is still being read")
            try:
                return self._read(limit)
            finally:
                self._opening.release()

    def versioned_path(self, opened: LayerVersion) -> str:
        """Path of a version of the layer, for links in documents."""
        return f"{self.path}@{opened.version_key}" if self.config.versioned_urls else self.path

    def document_key(self, opened: LayerVersion) -> tuple[object, ...]:
        """The part of the keys of documents that stands for a version of the layer and for its configuration."""
        return self.serial, opened.version_key

    def last_version(self) -> LayerVersion | None:
        """The version that was opened last, current or not; None after its eviction."""
        return self._open_versions.get(self.open_key)

    def _read(self, deadline: Deadline) -> LayerVersion:
        self._failures.check(self.config.name)
        try:
            version = self.source.version(deadline)
            last = self.last_version()
            if last is not None and last.cog.version == version:
                return last
            with one_layer(self.config.name):
                wrappers = WITH_REPACKED if self.config.jxl else WRAPPERS
                opened = LayerVersion(read_cog(self.source, version, deadline), self._resolver, wrappers)
        except CogError as error:
            self._failures.remember([self.config.name], error)
            raise
        self._open_versions.put(self.open_key, opened, opened.cost_bytes)
        return opened


L = TypeVar("L", bound=Layer)


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
        self.serial: Final = next(_SERIALS)
        """Number in the worker, as that of a layer."""
        self.path: Final = f"/layers/{config.name}"
        """Path of its document, below the server's base URL."""
        self.title: Final = self._text(dict.fromkeys(rule.parts, "…")) or config.name
        self._make_layer, self._layers = make_layer, layers

    def __getitem__(self, name: str) -> Layer:
        """The member of this name, without that of the collection.

        Raises:
            UnknownLayer: the rule allows no such name.
            CogError: the list that tells the names cannot be read.
        """
        layer = self.get(name)
        if layer is not None and self.rule.is_fixed:
            return layer
        member = self.rule.find(name)
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
        """See `Rule.page`."""
        return self.rule.page(query)

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


class Catalog:
    """All layers, by name: those of the config, and the members of collections. Each caller sees what it may read."""

    def __init__(
        self,
        layers: Mapping[str, Layer],
        collections: Mapping[str, Collection],
        series: Mapping[str, InTime] | None = None,
    ) -> None:
        """Make a catalog.

        Args:
            layers: those of the config.
            collections: the collections.
            series: collections whose members are one layer in time.
        """
        self._layers, self._collections, self._series = dict(layers), dict(collections), series or {}
        public = [layer.config.name for layer in self._layers.values() if layer.is_public]
        public += [name for name, collection in self._collections.items() if collection.config.access == PUBLIC]
        self._similar_names = lru_cache(256)(SimilarNames(public).to)

    def check(self, name: str, caller: Caller) -> None:
        """Require the right to a layer, a collection or a member; an unknown name is no secret.

        Raises:
            Unauthorized, Forbidden: the caller may not read it.
        """
        owner = self._layers.get(name) or self._collections.get(name.partition(SEPARATOR)[0])
        if owner is not None:
            caller.check(name, owner.config.access)

    def layer(self, name: str, caller: Caller) -> Layer:
        """The layer of this name.

        Raises:
            UnknownLayer: no layer has it; the message names similar ones that are public.
            Unauthorized, Forbidden: the caller may not read it; no file was opened.
            CogError: it is the name of a member of a collection whose list cannot be read.
        """
        layer = self._layers.get(name)
        if layer is not None:
            if not layer.is_public:
                caller.check(name, layer.config.access)
            return layer
        collection, _, member = name.partition(SEPARATOR)
        if collection in self._collections and (member == "" or MEMBER_NAME.fullmatch(member)):
            caller.check(name, self._collections[collection].config.access)
            if member:
                return self._collections[collection][member]
            if collection in self._series:
                return self._series[collection].layer()
        name = name[:100]
        if name in self._collections:
            raise UnknownLayer(f"{name!r} is a collection; its members are {name}:…, see /layers/{name}")
        similar = ", ".join(self._similar_names(name))
        raise UnknownLayer(f"no layer {name!r}; {f'similar: {similar}' if similar else 'all are at /layers'}")

    def series(self, name: str) -> InTime | None:
        """The members in time of the collection of this name, without a check of the caller."""
        return self._series.get(name)

    def at(self, series: InTime, text: str, caller: Caller, deadline: Deadline) -> Layer:
        """The member of a time.

        Raises:
            Unauthorized, Forbidden: the caller may not read the collection; nothing was read.
            BadRequest, UnknownTime, CogError: see `Series.at`.
        """
        config = series.collection.config
        caller.check(config.name, config.access)
        return series.at(text, deadline)

    def collection(self, name: str, caller: Caller) -> Collection | None:
        """The collection of this name, if there is one.

        Raises:
            Unauthorized, Forbidden: the caller may not read it; nothing was read.
        """
        collection = self._collections.get(name)
        if collection is not None:
            caller.check(name, collection.config.access)
        return collection

    def listed(self, caller: Caller) -> list[Layer]:
        """The layers of the config that lists show to a caller. Members of collections are in lists of their own.

        Raises:
            Unauthorized: its token is unknown.
        """
        layers = self._layers.items()
        return [each for name, each in layers if each.is_public or caller.may_list(name, each.config.access)]

    def listed_collections(self, caller: Caller) -> list[Collection]:
        """The same of collections."""
        return [each for name, each in self._collections.items() if caller.may_list(name, each.config.access)]

    def listed_series(self, caller: Caller) -> list[InTime]:
        """The same of collections that are one layer in time."""
        return [each for name, each in self._series.items() if caller.may_list(name, each.collection.config.access)]

    @property
    def public_count(self) -> int:
        """Number of the public layers."""
        return sum(layer.is_public for layer in self._layers.values())

    def get(self, name: str) -> Layer | None:
        """The layer of this name, if there is one that has been asked for, without a check; not for replies."""
        collection, _, member = name.partition(SEPARATOR)
        return self._collections[collection].get(member) if collection in self._collections else self._layers.get(name)

    def has_open_key(self, key: OpenKey) -> bool:
        """Tell whether an open version may be in use: that of a layer, or of a member that was evicted."""
        layer = self.get(key.name)
        return SEPARATOR in key.name if layer is None else layer.open_key == key

    def get_collection(self, name: str) -> Collection | None:
        """The collection of this name, without a check; not for replies."""
        return self._collections.get(name)
