"""What can be decoded, and how the samples of a plane lie in its decoded bytes; without decoding anything.

Representations are asked for every layer whether they are to be had, so this must not load the decoders.
"""

from typing import Final

from cogread.image import Image
from cogread.refusal import Refusal
from cogread.tiff.tags import PREDICTED, Compression, Photometric, SampleFormat, Subfile, Tag

MAX_DECODED_BYTES: Final = 64 << 20
"""Largest tile that is decoded, all its planes together."""

BYTE_CODECS: Final = PREDICTED | {Compression.NONE, Compression.PACKBITS}
"""Codecs of bytes, which know nothing of pixels."""

JXLS: Final = frozenset({Compression.JXL, Compression.JXL_DNG})

LOSSLESS: Final = BYTE_CODECS | JXLS | {Compression.LERC}
"""Codecs that keep samples, or bound the error as whoever wrote the file wanted it."""

DECODED: Final = LOSSLESS | {Compression.JPEG, Compression.WEBP}

PREDICTOR_NONE, PREDICTOR_HORIZONTAL, PREDICTOR_FLOATING = 1, 2, 3
"""Values of Predictor (TIFF 6.0 §14, TIFF Technical Note 3)."""

STRAIGHT_ALPHA: Final = 2
"""Of ExtraSamples: colours are not multiplied with it (TIFF 6.0 §18)."""

_COPIES: Final = 4
"""Of its samples that a tile of a codec of bytes takes at most, from decompressing to the packed PNG: measured."""
_COPIES_OF_PICTURES: Final = 5
"""The same of the other codecs, whose decoders have buffers of their own."""

_LSB_FIRST: Final = 2
"""Of FillOrder (TIFF 6.0 §8)."""


def undecodable(image: Image) -> Refusal | None:
    """Refuse an image whose tiles are not decoded."""
    if image.compression in (Compression.CCITTRLE, Compression.CCITTFAX3, Compression.CCITTFAX4):
        return Refusal(f"the decoder of {image.compression_name} does not tell damaged tiles from sound ones")
    if image.compression not in DECODED:
        return Refusal(f"tiles of compression {image.compression_name} are not decoded")
    if image.compression == Compression.JPEG:
        shown = {1: set(Photometric), 3: {Photometric.RGB, Photometric.YCBCR}}
        if image.bits != 8 or image.photometric not in shown.get(plane_samples(image), ()):
            return Refusal(
                f"JPEG of {image.samples} bands of {image.bits} bits as {image.photometric_name} is not decoded"
            )
    elif image.photometric == Photometric.YCBCR:
        return Refusal(f"YCbCr samples, which may be subsampled, are not decoded from {image.compression_name}")
    if image.compression in JXLS and image.bits > 8 and image.directory.order == ">":
        return Refusal(
            f"the byte order of {image.bits}-bit samples in {image.compression_name} is not known in a big-endian file"
        )
    decoded = image.tile_width * image.tile_height * image.samples * -(-image.bits // 8)
    if decoded > MAX_DECODED_BYTES:
        return Refusal(f"a decoded tile has {decoded} bytes, wanted at most {MAX_DECODED_BYTES}")
    return _unknown_predictor(image)


def predictor(image: Image) -> int:
    """What was done to the samples before they were compressed, by the value of Predictor."""
    if image.compression not in PREDICTED:
        return PREDICTOR_NONE
    return image.directory.integer(Tag.PREDICTOR, PREDICTOR_NONE)


def is_lsb_first(image: Image) -> bool:
    """Whether the bits of every stored byte are in reverse order, whatever the codec (libtiff, `TIFFReverseBits`)."""
    return image.directory.integer(Tag.FILL_ORDER, 1) == _LSB_FIRST


def is_mask(image: Image) -> bool:
    """Whether an image is the mask of another."""
    return bool(image.directory.integer(Tag.NEW_SUBFILE_TYPE, 0) & Subfile.MASK)


def work_bytes(image: Image, samples: int) -> int:
    """Most memory that it takes to decode a tile and to make something of its samples, beside the stored bytes.

    Args:
        image: one that is decoded.
        samples: of a pixel, in what is made.
    """
    copies = _COPIES if image.compression in BYTE_CODECS else _COPIES_OF_PICTURES
    return copies * image.tile_width * image.tile_height * samples * -(-image.bits // 8)


def plane_samples(image: Image) -> int:
    """Samples of a pixel within one plane."""
    return image.samples // image.planes


def _unknown_predictor(image: Image) -> Refusal | None:
    """As libtiff judges it (tif_predict.c, `PredictorSetup`)."""
    found, kind = predictor(image), image.dtype
    if found == PREDICTOR_HORIZONTAL and image.bits not in (8, 16, 32, 64):
        return Refusal(f"horizontal differencing (predictor 2) of {image.bits} bits a sample is not known")
    if found == PREDICTOR_HORIZONTAL and image.directory.order == ">" and kind.startswith("complex"):
        return Refusal("libtiff exchanges the halves of complex samples with predictor 2 in a big-endian file")
    if found == PREDICTOR_FLOATING and (
        image.sample_format != SampleFormat.FLOAT or image.bits not in (16, 24, 32, 64)
    ):
        return Refusal(f"floating point differencing (predictor 3) of {kind} is not known")
    if found not in (PREDICTOR_NONE, PREDICTOR_HORIZONTAL, PREDICTOR_FLOATING):
        return Refusal(f"predictor {found} is not known")
    return None
