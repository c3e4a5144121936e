"""Checks of the fields that place and describe samples.

All structural fields are checked when a file is opened, so that no representation or document meets a damaged one
later. Types and counts are those that libtiff demands (tif_dirread.c, `TIFFReadDirectory`). A field that libtiff
replaces with a default after a warning (Photometric, Predictor) is refused too: its writer meant something else.
"""

from collections.abc import Mapping, Set
from typing import Final

from cogread.errors import FormatError
from cogread.tiff.directory import Directory, Entry
from cogread.tiff.fields import BYTES, INTEGERS, STRUCTURAL, Values
from cogread.tiff.tags import CCITT, PREDICTED, Compression, Tag

_MAX_VALUE: Final = 2**32 - 1
"""Largest value of a structural field: LONG."""

_EXTRA_SAMPLES: Final = frozenset({0, 1, 2, 999})
"""Unspecified, associated and unassociated alpha, and Corel's number of the latter (libtiff, tif_dir.c)."""

_CODECS: Final[Mapping[int, Set[int]]] = {
    Tag.PREDICTOR: PREDICTED,
    Tag.T4_OPTIONS: CCITT,
    Tag.T6_OPTIONS: CCITT,
    Tag.JPEG_TABLES: frozenset({Compression.JPEG}),
    Tag.YCBCR_SUBSAMPLING: frozenset({Compression.JPEG}),
    Tag.LERC_PARAMETERS: frozenset({Compression.LERC}),
}
"""Codecs with which a field counts; a field that is not here counts with all."""


def check_structure(directory: Directory) -> None:
    """Check the structural fields of a directory.

    Raises:
        FormatError: one has a type, or a number of values, that libtiff does not accept.
    """
    samples = directory.integer(Tag.SAMPLES_PER_PIXEL, 1)
    compression = directory.integer(Tag.COMPRESSION, Compression.NONE)
    for tag, values in STRUCTURAL.items():
        entry = directory.entries.get(tag)
        if entry is not None and compression in _CODECS.get(tag, {compression}):
            _check_field(directory, entry, values, samples)
    extra = directory.integers(Tag.EXTRA_SAMPLES)
    if len(extra) > samples or not _EXTRA_SAMPLES.issuperset(extra):
        raise FormatError(f"{directory.where}: EXTRA_SAMPLES {extra[:4]} of {samples} bands, wanted 0, 1 or 2")


def _check_field(directory: Directory, entry: Entry, values: Values, samples: int) -> None:
    types = BYTES if values == Values.OCTETS else INTEGERS
    if entry.type not in types:
        raise directory.wrong_type(entry, types)
    if not _is_valid_count(entry.count, values, samples):
        wanted = f"1, or {samples} and more" if values == Values.PER_SAMPLE else str(values.value)
        raise FormatError(f"{directory.where}: {entry.tag.name} has {entry.count} values, wanted {wanted}")
    if types is INTEGERS:
        invalid = [number for number in directory.integers(entry.tag) if not 0 <= number <= _MAX_VALUE]
        if invalid:
            raise FormatError(f"{directory.where}: {entry.tag.name} {invalid[0]}, wanted 0 to {_MAX_VALUE}")


def _is_valid_count(count: int, values: Values, samples: int) -> bool:
    if values == Values.PER_SAMPLE:
        return count == 1 or count >= samples
    return values in (Values.ANY, Values.OCTETS) or count == values.value
