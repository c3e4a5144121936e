"""Facts about decoding that need no decoder: refusals, predictors, layout of planes, memory.

Every layer is checked for the formats that decode, so this must not load the decoders.
"""

from typing import Final

from cogread.image import Image
from cogread.refusal import Refusal
from cogread.tiff.tags import PREDICTED, Compression, Photometric, SampleFormat, Tag

MAX_DECODED_BYTES: Final = 64 << 20
"""Size of the largest tile that is decoded, with all its planes."""

BYTE_CODECS: Final = PREDICTED | {Compression.NONE, Compression.PACKBITS}
"""Codecs of bytes, without a notion of pixels."""

JXLS: Final = frozenset({Compression.JXL, Compression.JXL_DNG})

CCITTS: Final = frozenset({Compression.CCITTRLE, Compression.CCITTFAX3, Compression.CCITTFAX4})

LOSSLESS: Final = BYTE_CODECS | CCITTS | JXLS | {Compression.LERC}
"""Codecs that keep samples, or their error within the bound that the file's writer chose."""

DECODED: Final = LOSSLESS | {Compression.JPEG, Compression.WEBP}

PREDICTOR_NONE, PREDICTOR_HORIZONTAL, PREDICTOR_FLOATING = 1, 2, 3
"""Values of Predictor (TIFF 6.0 §14, TIFF Technical Note 3)."""

_COPIES: Final = 4
"""Peak number of copies of a tile's samples from decompression to the PNG, for codecs of bytes; measured."""
_PICTURE_COPIES: Final = 5
"""The same for the other codecs, whose decoders have buffers of their own."""
_FAX3_COPIES: Final = 24
"""The same for CCITTFAX3, whose stored bits take a byte each; at worst some five are stored for a pixel."""

_LSB_FIRST: Final = 2
"""Value of FillOrder (TIFF 6.0 §8)."""


def undecodable(image: Image) -> Refusal | None:
    """Refuse an image whose tiles are not decoded."""
    if image.compression not in DECODED:
        return Refusal(f"tiles of compression {image.compression_name} are not decoded")
    if image.compression == Compression.JPEG:
        shown = {1: set(Photometric), 3: {Photometric.RGB, Photometric.YCBCR}}
        if image.bits != 8 or image.photometric not in shown.get(image.plane_samples, ()):
            return Refusal(
                f"JPEG of {image.samples} bands of {image.bits} bits as {image.photometric_name} is not decoded"
            )
    elif image.compression in CCITTS and (image.bits > 1 or image.plane_samples > 1 or _has_fax_options(image)):
        return Refusal(f"{image.compression_name} of more than one bit a pixel, or of a kind that GDAL does not write")
    elif image.photometric == Photometric.YCBCR:
        return Refusal(f"YCbCr samples, which may be subsampled, are not decoded from {image.compression_name}")
    if image.compression in JXLS and image.bits > 8 and image.directory.order == ">":
        return Refusal(
            f"the byte order of {image.bits}-bit samples in {image.compression_name} is not known in a big-endian file"
        )
    decoded = image.tile_pixels * image.samples * -(-image.bits // 8)
    if decoded > MAX_DECODED_BYTES:
        return Refusal(f"a decoded tile has {decoded} bytes, wanted at most {MAX_DECODED_BYTES}")
    return _unknown_predictor(image)


def predictor(image: Image) -> int:
    """Read the predictor that was applied before compression, as a value of Predictor."""
    if image.compression not in PREDICTED:
        return PREDICTOR_NONE
    return image.directory.integer(Tag.PREDICTOR, PREDICTOR_NONE)


def is_lsb_first(image: Image) -> bool:
    """Check for stored bytes with their bits in reverse order, whatever the codec (libtiff, `TIFFReverseBits`)."""
    return image.directory.integer(Tag.FILL_ORDER, 1) == _LSB_FIRST


def work_bytes(image: Image, samples: int) -> int:
    """Estimate the peak memory of decoding a tile and encoding its samples, beside the stored bytes.

    Args:
        image: one that is decoded.
        samples: samples of a pixel in the output.
    """
    copies = _COPIES if image.compression in BYTE_CODECS else _PICTURE_COPIES
    if image.compression == Compression.CCITTFAX3:
        copies = _FAX3_COPIES
    return copies * image.tile_pixels * samples * -(-image.bits // 8)


def _has_fax_options(image: Image) -> bool:
    """Check for CCITT with uncompressed parts, or ends of lines filled up to bytes (TIFF 6.0 §11)."""
    return image.directory.integer(Tag.T4_OPTIONS, 0) > 1 or image.directory.integer(Tag.T6_OPTIONS, 0) > 0


def _unknown_predictor(image: Image) -> Refusal | None:
    """Refuse predictors as libtiff does (tif_predict.c, `PredictorSetup`)."""
    value, kind = predictor(image), image.dtype
    if value == PREDICTOR_HORIZONTAL and image.bits not in (8, 16, 32, 64):
        return Refusal(f"horizontal differencing (predictor 2) of {image.bits} bits a sample is not known")
    if value == PREDICTOR_HORIZONTAL and image.directory.order == ">" and kind.startswith("complex"):
        return Refusal("libtiff exchanges the halves of complex samples with predictor 2 in a big-endian file")
    if value == PREDICTOR_FLOATING and (
        image.sample_format != SampleFormat.FLOAT or image.bits not in (16, 24, 32, 64)
    ):
        return Refusal(f"floating point differencing (predictor 3) of {kind} is not known")
    if value not in (PREDICTOR_NONE, PREDICTOR_HORIZONTAL, PREDICTOR_FLOATING):
        return Refusal(f"predictor {value} is not known")
    return None
