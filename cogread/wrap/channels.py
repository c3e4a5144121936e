"""Bands of an image -> channels of a picture, by the colours that GDAL names.

A picture shows the bands named red, green and blue, else the one named grey, else the only one. A band named alpha is
its opacity. Other bands, such as near infrared, are not in it. Without a band that is named so, nothing is transparent.
"""

from typing import Final, NamedTuple

from cogread.image import Image, Level
from cogread.refusal import Refusal
from cogread.tiff.colors import ALPHA, ASSOCIATED_ALPHA, GRAY, PALETTE, RGB, extra_samples, has_color_map
from cogread.tiff.tags import Photometric

MAX_BANDS: Final = 4
"""A picture of an image of more bands would decode many to show a few."""


class Channels(NamedTuple):
    """Numbers of bands, from 0."""

    colors: tuple[int, ...]
    """Grey or the index of a palette; or red, green and blue."""
    alpha: int | None = None

    @property
    def bands(self) -> tuple[int, ...]:
        """All of them in a picture's order."""
        return self.colors if self.alpha is None else (*self.colors, self.alpha)


SINGLE: Final = Channels((0,))
"""The channel of a palette, and of a mask's own tiles."""


def channels_of(level: Level) -> Channels | Refusal:
    """Choose the channels of a level's pictures, or refuse bands that make no picture."""
    image, names = level.image, level.colors
    if image.samples > MAX_BANDS:
        return Refusal(f"{image.samples} bands, and a picture is made of at most {MAX_BANDS}")
    alphas = [band for band, name in enumerate(names) if name == ALPHA]
    colors = _colors(names)
    if colors is None or len(alphas) > 1:
        return Refusal(
            f"bands named {', '.join(names)}: wanted red, green and blue, or a grey one, and at most one alpha"
        )
    channels = Channels(colors, *alphas)
    if channels.alpha is not None and _extra(image, channels.alpha) == ASSOCIATED_ALPHA:
        return Refusal("the colours are multiplied with alpha, those of a picture must not be")
    if (image.bits < 8 and image.samples > 1) or (is_palette(image) and channels.bands != SINGLE.bands):
        return Refusal(
            f"{image.samples} bands of {image.bits} bits as {image.photometric_name} have no place in a picture"
        )
    return channels


def misnamed_bands(level: Level) -> Refusal | None:
    """Refuse stored pictures that show a band as another colour than GDAL names it."""
    shown = (*RGB, ALPHA) if len(level.colors) > 1 else (GRAY,)
    for name, channel in zip(level.colors, shown, strict=False):
        is_either = ALPHA in (name, channel) or (name in RGB and channel in RGB)
        if name != channel and is_either:
            return Refusal(f"the stored pictures show a band as {channel} that GDAL names {name}")
    return None


def is_palette(image: Image) -> bool:
    """The first band holds indices of a palette."""
    return image.photometric == Photometric.PALETTE or has_color_map(image.directory, image.bits)


def _colors(names: tuple[str, ...]) -> tuple[int, ...] | None:
    if all(names.count(name) == 1 for name in RGB):
        return tuple(names.index(name) for name in RGB)
    greys = [band for band, name in enumerate(names) if name in (GRAY, PALETTE)]
    only = greys or [band for band, name in enumerate(names) if name != ALPHA]
    return tuple(only) if len(only) == 1 else None


def _extra(image: Image, band: int) -> int | None:
    """Kind of a band in ExtraSamples."""
    extra = extra_samples(image.directory, image.samples)
    place = band - (image.samples - len(extra))
    return extra[place] if place >= 0 else None
