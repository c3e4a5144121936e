"""All that GDAL's GTiff driver says of each band, and of the dataset, beside the pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cogread.image import Cog
from cogread.metadata.nodata import gdal_float
from cogread.tiff.colors import named_color
from cogread.tiff.gdal_metadata import DATASET, Item

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Band:
    """One band."""

    color_interpretation: str
    """GDAL's name in lower case: `gray`, `red`, `alpha`, `undefined` …"""
    scale: float | None = None
    """Value of a sample: number * scale + offset. None: the file states neither of the two."""
    offset: float | None = None
    unit: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default=_NONE)
    """Other items of the default domain."""


def bands_of(cog: Cog, most: int | None = None) -> tuple[Band, ...]:
    """The bands in their order, of many the first `most`."""
    colors = cog.levels[0].colors[:most]
    stated: dict[int, list[Item]] = {}
    for item in cog.metadata:
        if DATASET < item.sample < len(colors):
            stated.setdefault(item.sample, []).append(item)
    silent = {name: Band(name) for name in set(colors)}
    return tuple(
        _band(name, stated[number]) if number in stated else silent[name] for number, name in enumerate(colors)
    )


def dataset_metadata(cog: Cog) -> Mapping[str, str]:
    """Items of GDAL_METADATA that are said of the whole file, of the default domain."""
    return _metadata([item for item in cog.metadata if item.sample == DATASET])


def _band(color: str, items: list[Item]) -> Band:
    said = {item.role: item.text for item in items}
    scale, offset = said.get("scale"), said.get("offset")
    is_scaled = scale is not None or offset is not None
    return Band(
        color_interpretation=color,
        scale=gdal_float(scale or "1") if is_scaled else None,
        offset=gdal_float(offset or "0") if is_scaled else None,
        unit=said.get("unittype"),
        description=said.get("description"),
        metadata=_metadata([item for item in items if _is_metadata(item)]),
    )


def _is_metadata(item: Item) -> bool:
    """A colour that GDAL has no name for becomes an item of the metadata."""
    return item.role == "" or (item.role == "colorinterp" and named_color(item.text) is None)


def _metadata(items: list[Item]) -> Mapping[str, str]:
    """Of names that differ in their case alone the last item holds."""
    named = ("COLOR_INTERPRETATION" if item.role else item.name for item in items)
    values = {name.lower(): (name, item.text) for name, item in zip(named, items, strict=True)}
    return MappingProxyType(dict(values.values())) if values else _NONE
