"""STAC documents as typed records (STAC 1.1, and 0.9 to 1.0 as far as they agree).

Only members that a layer needs are decoded; all else is skipped. An item that does not fit is refused with the reason,
and the others of its document are read.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct


class Link(Struct, gc=False):
    """A link (STAC 1.1, Link Object)."""

    rel: str = ""
    href: str = ""
    method: str | None = None


class Provider(Struct, gc=False):
    """An organization that made or sends the data."""

    name: str = ""
    roles: tuple[str, ...] | None = None


class Container(Struct):
    """A Catalog, a Collection, or an ItemCollection; of an Item only its type."""

    type: str | None = None
    links: tuple[Link, ...] | None = None
    features: tuple[Raw, ...] = ()
    providers: tuple[Provider, ...] | None = None
    license: str | None = None


class Alternate(Struct, gc=False):
    """Another place of a file (STAC extension Alternate Assets)."""

    href: str


class Asset(Struct, gc=False):
    """A file of an item."""

    href: str
    type: str | None = None
    roles: tuple[str, ...] | None = None
    alternate: dict[str, Alternate] | None = None

    @property
    def links(self) -> Iterator[str]:
        """The links to it, the usual one first."""
        yield self.href
        yield from (other.href for other in (self.alternate or {}).values())


class Properties(Struct, gc=False):
    """The `properties` of an item."""

    title: str | None = None
    datetime: str | None = None
    start_datetime: str | None = None
    end_datetime: str | None = None
    providers: tuple[Provider, ...] | None = None
    license: str | None = None


class Item(Struct):
    """An item."""

    id: str
    properties: Properties
    assets: dict[str, Asset]
    bbox: tuple[float, ...] | None = None
    links: tuple[Link, ...] | None = None


class _Named(Struct, gc=False):
    id: str


class RefusedItem(Exception):
    """An item that is no layer; the message is a clause about it."""


_CONTAINERS: Final = msgspec.json.Decoder(Container)
_ITEMS: Final = msgspec.json.Decoder(Item)
_IDS: Final = msgspec.json.Decoder(_Named)


def parse_container(data: bytes) -> Container:
    """Read a document of any type.

    Raises:
        ValueError: it is not JSON, or not STAC; the message is a clause about it.
    """
    try:
        return _CONTAINERS.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"it is not STAC: {error}") from None


def parse_item(data: bytes | Raw) -> Item:
    """Read an item.

    Raises:
        RefusedItem: a member is missing or of another type.
    """
    try:
        return _ITEMS.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RefusedItem(f"it is not a STAC item: {error}") from None


def id_of(data: bytes | Raw) -> str | None:
    """The id of an item that `parse_item` refuses, if it has one."""
    try:
        return _IDS.decode(data).id
    except (msgspec.DecodeError, RecursionError):
        return None
