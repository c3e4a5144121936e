"""Metadata of bands and of the dataset, as GDAL's GTiff driver states it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cogread.image import Cog
from cogread.metadata.nodata import gdal_float
from cogread.tiff.colors import named_color
from cogread.tiff.gdal_metadata import DATASET, Item

_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Band:
    """The metadata of one band."""

    color_interpretation: str
    """GDAL's name in lower case: `gray`, `red`, `alpha`, `undefined` …"""
    scale: float | None = None
    """Value of a sample: number * scale + offset. None: the file states neither."""
    offset: float | None = None
    unit: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    """Other items of the default domain."""


def bands_of(cog: Cog, max_bands: int | None = None) -> tuple[Band, ...]:
    """Read the bands in their order, of many the first `max_bands`."""
    colors = cog.levels[0].colors[:max_bands]
    items: dict[int, list[Item]] = {}
    for item in cog.metadata:
        if DATASET < item.sample < len(colors):
            items.setdefault(item.sample, []).append(item)
    bare = {name: Band(name) for name in set(colors)}
    return tuple(_band(name, items[number]) if number in items else bare[name] for number, name in enumerate(colors))


def dataset_metadata(cog: Cog) -> Mapping[str, str]:
    """Read the items of GDAL_METADATA for the whole file, in the default domain."""
    return _metadata([item for item in cog.metadata if item.sample == DATASET])


def _band(color: str, items: list[Item]) -> Band:
    texts = {item.role: item.text for item in items}
    scale, offset = texts.get("scale"), texts.get("offset")
    is_scaled = scale is not None or offset is not None
    return Band(
        color_interpretation=color,
        scale=gdal_float(scale or "1") if is_scaled else None,
        offset=gdal_float(offset or "0") if is_scaled else None,
        unit=texts.get("unittype"),
        description=texts.get("description"),
        metadata=_metadata([item for item in items if _is_metadata(item)]),
    )


def _is_metadata(item: Item) -> bool:
    """True for items without a role, and for a colour that GDAL has no name for."""
    return item.role == "" or (item.role == "colorinterp" and named_color(item.text) is None)


def _metadata(items: list[Item]) -> Mapping[str, str]:
    """Collect items by name; the last of those whose names differ only in case counts."""
    names = ("COLOR_INTERPRETATION" if item.role else item.name for item in items)
    values = {name.lower(): (name, item.text) for name, item in zip(names, items, strict=True)}
    return MappingProxyType(dict(values.values())) if values else _EMPTY
