"""Bands of an image -> channels of a picture, by GDAL's colour names.

A picture shows the bands named red, green and blue, else the one named grey, else the only one. A band named alpha is
its opacity. Other bands, such as near infrared, are left out.
"""

from typing import Final, NamedTuple

from cogread.image import Image, Level
from cogread.refusal import Refusal
from cogread.tiff.colors import ALPHA, ASSOCIATED_ALPHA, GRAY, PALETTE, RGB, extra_samples, has_color_map
from cogread.tiff.tags import Photometric

MAX_BANDS: Final = 4
"""Bound of the bands that are decoded for the few that a picture shows."""


class Channels(NamedTuple):
    """Band numbers, from 0, of a picture's channels."""

    colors: tuple[int, ...]
    """Grey or the palette's index; or red, green and blue."""
    alpha: int | None = None

    @property
    def bands(self) -> tuple[int, ...]:
        """All bands in the picture's order."""
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
    shown = (GRAY, ALPHA) if len(level.colors) < len(RGB) else (*RGB, ALPHA)
    for name, channel in zip(level.colors, shown, strict=False):
        is_either = ALPHA in (name, channel) or (name in RGB and channel in RGB)
        if name != channel and is_either:
            return Refusal(f"the stored pictures show a band as {channel} that GDAL names {name}")
    return None


def is_palette(image: Image) -> bool:
    """Check that the first band holds indices of a palette."""
    return image.photometric == Photometric.PALETTE or has_color_map(image.directory, image.bits)


def _colors(names: tuple[str, ...]) -> tuple[int, ...] | None:
    if all(names.count(name) == 1 for name in RGB):
        return tuple(names.index(name) for name in RGB)
    gray = [band for band, name in enumerate(names) if name in (GRAY, PALETTE)]
    colors = gray or [band for band, name in enumerate(names) if name != ALPHA]
    return tuple(colors) if len(colors) == 1 else None


def _extra(image: Image, band: int) -> int | None:
    """Look up the kind of a band in ExtraSamples; None: it is a colour."""
    extra = extra_samples(image.directory, image.samples)
    position = band - (image.samples - len(extra))
    return extra[position] if position >= 0 else None
