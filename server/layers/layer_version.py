"""A version of a layer's file: its header, and the representations of its tiles."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

from cogread.byterange import ByteRange
from cogread.crs.lookup import CrsResolver, vertical_unit
from cogread.errors import FormatNotOffered
from cogread.image import Cog, Level
from cogread.metadata.bands import bands_of
from cogread.metadata.heights import unit_m
from cogread.refusal import Refusal
from cogread.tiff.parse import drive
from cogread.wrap import BY_NAME, TERRAIN, WRAPPERS, Options, Wrapper, Wrapping, refusals, wrappers_of
from server.layers.file_grids import grids_of

IMAGE: Final = "tiles"
MASK: Final = "mask"
"""The two kinds of tiles, as in URLs."""


class Representation(NamedTuple):
    """The representation of the tiles of one level."""

    level: Level
    wrapping: Wrapping
    suffix: str
    """Suffix of the ETag, which distinguishes representations of the same bytes."""


ENTRY_BYTES: Final = 350
"""Memory of an entry of a directory beside its values, with its share of derived objects."""


MOST_REPRESENTATIONS: Final = 1024
"""Bound of cached representations: all of a usual file, but not one for each of 65,535 bands."""


class LayerVersion:
    """A version of a layer's file. Thread-safe."""

    def __init__(self, cog: Cog, resolver: CrsResolver, wrappers: Mapping[str, Wrapper] = WRAPPERS) -> None:
        """Make a version.

        Args:
            cog: the header.
            resolver: resolves its CRS.
            wrappers: the formats of the layer; WRAPPERS or WITH_REPACKED.
        """
        self.cog, self.resolver, self._wrappers = cog, resolver, wrappers
        self.cost_bytes: Final = _cost(cog)
        """Estimate of its memory in the worker."""
        self.version_key = cog.version.key
        self.grids: Final = grids_of(cog, resolver)
        masks = [None if level.mask is None else Level(level.mask, None) for level in cog.levels]
        self._levels: dict[str, list[Level | None]] = {IMAGE: list(cog.levels), MASK: masks}
        self._representations: dict[tuple[str, int, str, Options], Representation] = {}

    def offered(self, kind: str, number: int) -> list[str]:
        """Extensions of the formats of a level's tiles, or of its mask."""
        level = self._levels[kind][number]
        if level is None:
            return []
        return [wrapper.extension for wrapper in wrappers_of(level, self._wrappers)]

    def refusal(self, number: int, wrapper: Wrapper) -> Refusal | None:
        """The reason why a level's tiles are not offered in a format; None where they are."""
        return wrapper.refusal(self.cog.levels[number])

    def refusals(self, kind: str) -> dict[str, Refusal | None]:
        """Extension -> None if some level offers it, else the refusal of the finest level."""
        levels = [level for level in self._levels[kind] if level is not None]
        if not levels:
            return dict.fromkeys(WRAPPERS, Refusal("the layer has no mask"))
        return refusals(levels, self._wrappers)

    @cached_property
    def grid_key(self) -> tuple[object, ...]:
        """The grid and the CRS: equal for versions whose tiles lie on the same places."""
        geo = self.cog.geo
        return self.grids.native, geo.keys if geo.epsg is None else geo.epsg

    @cached_property
    def terrain_refusal(self) -> Refusal | None:
        """The reason why the full resolution has no terrain; None: it has."""
        return next(iter(TERRAIN.values())).refusal(self.cog.levels[0])

    @cached_property
    def height_unit_m(self) -> float:
        """Size in metres of the unit of the first band's numbers."""
        return unit_m(bands_of(self.cog, 1)[0].unit or vertical_unit(self.cog.geo, self.resolver))

    def level(self, kind: str, number: int) -> Level | None:
        """A level, or its mask as an image of its own; None: it has no mask."""
        return self._levels[kind][number]

    def representation(
        self, kind: str, number: int, extension: str, options: Options, read: Callable[[ByteRange], bytes]
    ) -> Representation:
        """The representation of the tiles of a level.

        Args:
            kind: IMAGE or MASK.
            number: the level, 0 = full resolution.
            extension: extension of the representation.
            options: the client's choices.
            read: reads header bytes for values that are not loaded yet.

        Raises:
            FormatNotOffered: the level does not offer it; the message names the formats that it offers.
            FormatError: data that the level's tiles share is damaged.
        """
        key = (kind, number, extension, options)
        representation = self._representations.get(key)
        if representation is None:
            level, wrapper = self._choose(kind, number, extension)
            wrapping = drive(wrapper.prepare(self.cog, level, options), read)
            wrapping = replace(wrapping, media_type=wrapping.media_type or wrapper.media_type)
            suffix = f"{wrapper.extension}{wrapper.revision}{wrapping.variant}"
            representation = Representation(level, wrapping, suffix)
            if len(self._representations) < MOST_REPRESENTATIONS:
                self._representations[key] = representation
        return representation

    def _choose(self, kind: str, number: int, extension: str) -> tuple[Level, Wrapper]:
        level, wrapper = self._levels[kind][number], self._wrappers.get(extension) or BY_NAME.get(extension)
        if level is None:
            raise FormatNotOffered("this level has no mask")
        reason = wrapper.refusal(level) if wrapper is not None else "no such format"
        if wrapper is None or reason is not None:
            these = ", ".join(self.offered(kind, number)) or "none"
            name = f"format {extension!r}" if extension else "no picture"
            raise FormatNotOffered(f"{name}: {reason}; these tiles are offered as: {these}")
        return level, wrapper


def _cost(cog: Cog) -> int:
    images = [image for level in cog.levels for image in (level.image, level.mask) if image is not None]
    entries = [entry for image in images for entry in image.directory.entries.values()]
    metadata = sum(ENTRY_BYTES + len(item.text) for item in cog.metadata)
    return metadata + 8 * cog.full.samples + sum(ENTRY_BYTES + len(entry.data or b"") for entry in entries)
