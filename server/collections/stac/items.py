"""STAC documents as typed records (STAC 1.1, and 0.9 to 1.0 as far as they agree), and the facts of an item.

Only members that a layer needs are decoded; all else is skipped. An item that does not fit is refused with the reason,
and the others of its document are read.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

import msgspec
from msgspec import Raw, Struct

from cogread.crs.georeference import Bounds
from server.collections.instants import instant

_TIFF: Final = "image/tiff"
_COG: Final = "profile=cloud-optimized"
_OLD_COG: Final = "image/vnd.stac.geotiff"
"""Media type of STAC before 1.0."""
_NO_DATA_ROLES: Final = frozenset({"thumbnail", "overview", "metadata"})
_VISUAL: Final = "visual"
_OWNER_ROLES: Final = frozenset({"producer", "licensor"})
_NO_LICENCES: Final = frozenset({"proprietary", "various", "other"})
"""Values of `license` that name none."""
_LONGEST_TEXT: Final = 500


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


def choose_asset(assets: Mapping[str, Asset], key: str | None) -> Asset:
    """The file of an item that is the layer.

    Args:
        assets: the files of the item.
        key: name of the asset, or a pattern with `*`, as some catalogs name the item in it; None: `visual` if there is
            one, else the first COG with the role `data`, else the first COG, else the first TIFF; none that is a
            thumbnail or an overview by its role or name.

    Raises:
        RefusedItem: the item has no such asset.
    """
    if key is not None:
        name = key if key in assets else next((name for name in assets if fnmatchcase(name, key)), None)
        if name is None:
            raise RefusedItem(f"it has no asset {key!r}, only {_bounded(', '.join(assets)) or 'none'}")
        return assets[name]
    candidates = [
        (name, asset) for name, asset in assets.items() if _NO_DATA_ROLES.isdisjoint((name, *(asset.roles or ())))
    ]
    for fits in _RANKS:
        for name, asset in candidates:
            if fits(name, asset):
                return asset
    raise RefusedItem(f"it has no asset that is a COG by its media type, only {_bounded(', '.join(assets)) or 'none'}")


def _is_cog(asset: Asset) -> bool:
    media_type = (asset.type or "").lower()
    return (media_type.startswith(_TIFF) and _COG in media_type) or media_type.startswith(_OLD_COG)


_RANKS: Final[tuple[Callable[[str, Asset], bool], ...]] = (
    lambda name, asset: name == _VISUAL and _is_cog(asset),
    lambda name, asset: "data" in (asset.roles or ()) and _is_cog(asset),
    lambda name, asset: _is_cog(asset),
    lambda name, asset: (asset.type or "").startswith(_TIFF),
)
"""Conditions of the file that is the layer, the strictest first."""


def attribution_of(owner: Properties | Container) -> str | None:
    """The producers and licensors, else all providers, with the licence: "USGS, ESA (CC-BY-4.0)"."""
    providers = owner.providers or ()
    owners = [provider for provider in providers if not _OWNER_ROLES.isdisjoint(provider.roles or ())] or providers
    names = ", ".join(dict.fromkeys(provider.name for provider in owners if provider.name))
    licence = "" if (owner.license or "").lower() in _NO_LICENCES else owner.license or ""
    return _bounded(f"{names} ({licence})" if names and licence else names or licence) or None


def title_of(item: Item) -> str | None:
    """The title of an item, if it has one."""
    return _bounded(item.properties.title or "") or None


def interval_of(item: Properties) -> tuple[str, str] | None:
    """First and last instant of an item, RFC 3339 in UTC; None: it states none that is one."""
    moment = instant(item.datetime)
    first, last = instant(item.start_datetime) or moment, instant(item.end_datetime) or moment
    first, last = first or last, last or first
    return None if first is None or last is None or last < first else (first, last)


def bounds_of(bbox: tuple[float, ...] | None) -> Bounds | None:
    """West, south, east, north of a bbox of two or three dimensions; None: it is none (RFC 7946 §5)."""
    if bbox is None or len(bbox) not in (4, 6) or not all(map(math.isfinite, bbox)):
        return None
    half = len(bbox) // 2
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    is_valid = -180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90
    return (west, south, east, north) if is_valid else None


def _bounded(text: str) -> str:
    """A text as documents show it: one line of printable characters."""
    line = " ".join(text[: 2 * _LONGEST_TEXT].split())
    return "".join(character for character in line if character.isprintable())[:_LONGEST_TEXT]
