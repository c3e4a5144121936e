"""Name -> layer: those of the config, and the members of collections, for callers with the right to read them."""

from collections.abc import Mapping
from functools import lru_cache

from cogread.deadline import Deadline
from server.access.caller import PUBLIC, Caller
from server.http.errors import UnknownLayer
from server.layers.collection import SEPARATOR, Collection, InTime
from server.layers.layer import Layer, OpenKey
from server.layers.similar_names import SimilarNames
from server.settings.collections import MEMBER_NAME


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
