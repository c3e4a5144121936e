"""Colour interpretation of each band, as GDAL's GTiff driver states it (gtiffrasterband.cpp, `GTiffRasterBand`).

TIFF's tags state it, as libtiff corrects them: PhotometricInterpretation that of the first samples, ExtraSamples that
of the rest. An item COLORINTERP of GDAL_METADATA overrules them.
"""

from collections.abc import Sequence
from typing import Final

from cogread.tiff.directory import Directory
from cogread.tiff.fields import UNSIGNED
from cogread.tiff.gdal_metadata import DATASET, Item
from cogread.tiff.tags import Compression, Photometric, Tag

UNDEFINED: Final = "undefined"
PALETTE: Final = "palette"
ALPHA: Final = "alpha"
GRAY: Final = "gray"
RGB: Final = ("red", "green", "blue")

_ALL: Final = (
    "undefined gray palette red green blue alpha hue saturation lightness cyan magenta yellow black "
    "ycbcr_y ycbcr_cb ycbcr_cr pan coastal rededge nir swir mwir lwir tir otherir "
    "sar_ka sar_k sar_ku sar_x sar_c sar_s sar_l sar_p"
)
_NAMES: Final = frozenset(_ALL.split())
"""GDAL's names (gcore/gdal_misc.cpp, `GDALGetColorInterpretationName`) in lower case."""

ASSOCIATED_ALPHA: Final = 1
UNASSOCIATED_ALPHA: Final = 2
_COREL_ALPHA: Final = 999
"""Values of ExtraSamples; libtiff corrects the last."""

_COLOR_CHANNELS: Final[dict[int, int]] = {
    **dict.fromkeys((Photometric.MINISWHITE, Photometric.MINISBLACK, Photometric.PALETTE), 1),
    **dict.fromkeys((Photometric.RGB, Photometric.YCBCR), 3),
    **dict.fromkeys((Photometric.CIELAB, Photometric.ICCLAB, Photometric.ITULAB), 3),
    **dict.fromkeys((Photometric.CMYK, Photometric.MASK), 4),
}
"""Most samples that are colours (tif_dir.c, `_TIFFGetMaxColorChannels`)."""
_FIRST: Final[dict[int, tuple[str, ...]]] = {
    Photometric.MINISBLACK: (GRAY,),
    Photometric.RGB: RGB,
    Photometric.YCBCR: ("ycbcr_y", "ycbcr_cb", "ycbcr_cr"),
    Photometric.CMYK: ("cyan", "magenta", "yellow", "black"),
}


def color_interpretations(directory: Directory, samples: int, bits: int, items: Sequence[Item]) -> tuple[str, ...]:
    """Read the colour of each band, under GDAL's name in lower case."""
    names = list(_tag_colors(directory, samples, bits))
    if tuple(names[:4]) == (*RGB, ALPHA) and directory.integer(Tag.PHOTOMETRIC, 0) == Photometric.CMYK:
        return tuple(names)  # bands of GDAL's conversion, to which the items do not apply
    for item in items:
        if item.role == "colorinterp" and DATASET < item.sample < samples:
            names[item.sample] = named_color(item.text) or UNDEFINED
    return (PALETTE,) if bits == samples == 1 else tuple(names)  # GTiffBitmapBand ignores the items


def named_color(text: str) -> str | None:
    """Bring the name of a colour interpretation into lower case; None if GDAL has none of that name."""
    name = text.lower()
    return GRAY if name == "grey" else name if name in _NAMES else None


def has_color_map(directory: Directory, bits: int) -> bool:
    """True if ColorMap has the size that libtiff takes: it makes a palette, whatever the photometric."""
    entry = directory.entries.get(Tag.COLOR_MAP)
    return entry is not None and bits <= 16 and entry.type in UNSIGNED and entry.count == 3 << bits


def stated_extra_samples(directory: Directory) -> tuple[int, ...]:
    """Read ExtraSamples, with TIFF's number of unassociated alpha for Corel's (tif_dir.c, `setExtraSamples`)."""
    kinds = directory.integers(Tag.EXTRA_SAMPLES)
    return tuple(UNASSOCIATED_ALPHA if kind == _COREL_ALPHA else kind for kind in kinds)


def extra_samples(directory: Directory, samples: int) -> tuple[int, ...]:
    """Read ExtraSamples as libtiff completes it (tif_dirread.c, `TIFFReadDirectory`)."""
    extra = stated_extra_samples(directory)
    channels = _COLOR_CHANNELS.get(directory.integer(Tag.PHOTOMETRIC, Photometric.MINISBLACK), 0)
    missing = samples - len(extra) - channels if channels else 0
    return extra + (0,) * max(missing, 0)


def _tag_colors(directory: Directory, samples: int, bits: int) -> tuple[str, ...]:
    photometric = directory.integer(Tag.PHOTOMETRIC, Photometric.MINISBLACK)
    is_palette = has_color_map(directory, bits) or (bits == samples == 1)
    if photometric == Photometric.PALETTE and not is_palette and bits >= 8:  # TIFFReadDirectory mends it so
        photometric = Photometric.RGB if samples == 3 else Photometric.MINISBLACK
    is_jpeg = directory.integer(Tag.COMPRESSION, Compression.NONE) == Compression.JPEG
    is_jpeg_ycbcr = photometric == Photometric.YCBCR and is_jpeg
    first = RGB if is_jpeg_ycbcr else _FIRST.get(photometric, ())
    extra = extra_samples(directory, samples)
    if converted_bands(directory, samples, bits) is not None:
        return (*RGB, ALPHA, *(UNDEFINED for _ in range(samples)))[:samples]
    names = [*first, *(UNDEFINED for _ in range(samples))][:samples]
    for place, kind in enumerate(extra, samples - len(extra)):
        if place >= len(first) and kind in (ASSOCIATED_ALPHA, UNASSOCIATED_ALPHA):
            names[place] = ALPHA
    if is_palette or photometric == Photometric.PALETTE or (photometric == Photometric.MINISWHITE and bits <= 16):
        names[0] = PALETTE
    return tuple(names)


def converted_bands(directory: Directory, samples: int, bits: int) -> int | None:
    """Count the bands that GDAL reads through libtiff's conversion to RGBA (tif_getimage.c); None: it converts none."""
    photometric = directory.integer(Tag.PHOTOMETRIC, Photometric.MINISBLACK)
    if bits > 8:
        return None
    if photometric == Photometric.YCBCR:
        is_jpeg = directory.integer(Tag.COMPRESSION, Compression.NONE) == Compression.JPEG
        return None if is_jpeg else len(RGB)
    if photometric == Photometric.CIELAB:
        is_converted = samples == 3 and not extra_samples(directory, samples)
    else:
        is_converted = photometric == Photometric.CMYK and samples >= 4
    return len(RGB) + 1 if is_converted else None
