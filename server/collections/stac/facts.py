"""The facts of a STAC item that a layer has: its file, title, attribution, time and place."""

import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from cogread.crs.georeference import Bounds
from server.collections.instants import instant
from server.collections.stac.items import Asset, Container, Item, Properties, RefusedItem

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
