from io import BytesIO

import pytest
from rasterio.io import MemoryFile
from tifffile import TiffFile

from cogread.errors import FormatError, UnsupportedFormat
from cogread.header import MAX_LEVELS, MAX_TILE_BYTES
from cogread.image import Cog
from tests.support import handmade as hm
from tests.support.cogs import cog_of
from tests.support.tiffs import KINDS, gdal_tiff, levels_of, open_level


def sizes(cog: Cog) -> list[tuple[int, int]]:
    return [(level.image.width, level.image.height) for level in cog.levels]


@pytest.mark.parametrize("kind", KINDS)
def test_levels_are_those_of_gdal(kind: str) -> None:
    data = gdal_tiff(kind)
    cog = cog_of(data)
    with MemoryFile(data) as memory:
        assert len(cog.levels) == levels_of(memory)
        for number, level in enumerate(cog.levels):
            with open_level(memory, number) as oracle:
                image = level.image
                assert (image.height, image.width) == oracle.shape
                assert (image.tile_height, image.tile_width) == oracle.block_shapes[0]
                assert (image.samples, image.dtype) == (oracle.count, oracle.dtypes[0])
                assert image.compression_name == str(oracle.profile.get("compress", "none")).upper()
                assert image.planes == (oracle.count if oracle.profile["interleave"] == "band" else 1)
                assert (level.mask is not None) == KINDS[kind].has_mask


@pytest.mark.parametrize("kind", ["jpeg-mask", "deflate-mask"])
def test_a_mask_is_paired_with_the_level_of_its_size(kind: str) -> None:
    data = gdal_tiff(kind)
    with TiffFile(BytesIO(data)) as oracle:
        masks = {(page.imagewidth, page.imagelength): page.offset for page in oracle.pages if page.subfiletype & 4}
    assert len(masks) > 1
    for level in cog_of(data).levels:
        assert level.mask is not None
        assert level.mask.directory.offset == masks[level.image.width, level.image.height]
        assert (level.mask.samples, level.mask.dtype) == (1, "uint1")
        assert level.mask.compression_name == "DEFLATE"
        assert level.image.compression_name == ("JPEG" if kind == "jpeg-mask" else "DEFLATE")


def mask(width: int, height: int, subfile: int = hm.MASK | hm.REDUCED) -> hm.Ifd:
    return hm.image(width, height, subfile=subfile).having({hm.PHOTOMETRIC: (hm.SHORT, [4])})


def test_masks_may_stand_before_the_overviews_that_they_belong_to() -> None:
    cog = cog_of(hm.tiff(hm.image(), mask(40, 20), mask(80, 40, hm.MASK), hm.image(40, 20, subfile=1)))
    assert sizes(cog) == [(80, 40), (40, 20)]
    assert [level.mask is not None and level.mask.directory.number for level in cog.levels] == [2, 1]


def test_of_two_masks_of_a_size_the_first_counts() -> None:
    level = cog_of(hm.tiff(hm.image(), mask(80, 40, hm.MASK), mask(80, 40, hm.MASK))).levels[0]
    assert level.mask is not None
    assert level.mask.directory.number == 1


def test_photometric_alone_makes_no_mask() -> None:
    cog = cog_of(hm.tiff(hm.image(), mask(80, 40, 0)))
    assert (sizes(cog), cog.levels[0].mask) == ([(80, 40)], None)


@pytest.mark.parametrize(
    ("fields", "is_mask"),
    [
        ({hm.BITS: (hm.SHORT, [1])}, True),
        ({hm.BITS: (hm.SHORT, [8])}, True),
        ({hm.BITS: (hm.SHORT, [16])}, False),
        ({hm.BITS: (hm.SHORT, [32]), hm.SAMPLE_FORMAT: (hm.SHORT, [3])}, False),
        ({hm.SAMPLES: (hm.SHORT, [2])}, False),
    ],
)
def test_what_gdal_takes_for_no_mask_is_none(fields: dict[int, hm.Field], is_mask: bool) -> None:
    data = hm.tiff(hm.image(), mask(80, 40, hm.MASK).having(fields))
    assert (cog_of(data).levels[0].mask is not None) == is_mask


def test_levels_are_sorted_and_other_pages_left_aside() -> None:
    data = hm.tiff(
        hm.image(subfile=0),
        hm.image(20, 10, subfile=hm.REDUCED),
        hm.image(60, 30, subfile=hm.PAGE),
        hm.image(50, 25, subfile=0),
        hm.image(40, 20, subfile=hm.REDUCED),
        hm.image(30, 15, subfile=hm.REDUCED, samples=2),
        hm.image(160, 80, subfile=hm.REDUCED),
        hm.image(27, 14, subfile=hm.REDUCED | hm.PAGE),
    )
    assert sizes(cog_of(data)) == [(80, 40), (40, 20), (27, 14), (20, 10)]


def test_overviews_may_be_sub_ifds() -> None:
    placed: dict[int, hm.Field] = {hm.SCALE: (hm.DOUBLE, [9, 9, 0]), hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 5, 5, 0])}
    parent = hm.image().having(placed)
    data = hm.tiff(parent.but(sub_ifds=(hm.image(40, 20, subfile=1), hm.image(20, 10, subfile=1))))
    with MemoryFile(data) as memory:
        assert levels_of(memory) == 3
    assert sizes(cog_of(data)) == [(80, 40), (40, 20), (20, 10)]


def strips(width: int, height: int, subfile: int = 0) -> hm.Ifd:
    stripped = hm.image(width, height, subfile=subfile, tiles=()).without(hm.TILE_WIDTH, hm.TILE_LENGTH)
    return stripped.having({273: (hm.LONG, [8]), 279: (hm.LONG, [width * height])})


def test_strips_are_refused_with_the_line_that_mends_them() -> None:
    with pytest.raises(UnsupportedFormat, match=r"IFD 0 at byte 8: .* strips, wanted tiles; `gdal_translate -of COG"):
        cog_of(hm.tiff(strips(80, 40)))


def test_a_thumbnail_in_strips_does_not_cost_the_image() -> None:
    cog = cog_of(hm.tiff(hm.image(), strips(30, 15, subfile=1), hm.image(40, 20, subfile=1), mask(30, 15)))
    assert sizes(cog) == [(80, 40), (40, 20)]


def test_tiles_may_be_found_under_the_tags_for_strips() -> None:
    tiled = hm.image(40, 20, tiles=())
    image = cog_of(hm.tiff(tiled.having({273: (hm.LONG, [8] * 4), 279: (hm.SHORT, [512] * 4)}))).full
    assert (image.offsets.count, image.counts.count) == (4, 4)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({hm.WIDTH: (hm.LONG, [0])}, FormatError, "IFD 0 at byte 8: IMAGE_WIDTH 0, wanted 1 to 2147483647"),
        ({hm.LENGTH: (hm.LONG, [2**31])}, FormatError, "IMAGE_LENGTH 2147483648"),
        ({hm.WIDTH: (hm.LONG8, [2**63])}, FormatError, "IMAGE_WIDTH 9223372036854775808"),
        ({hm.WIDTH: (hm.LONG, [])}, FormatError, "IMAGE_WIDTH has 0 values, wanted 1"),
        ({hm.TILE_WIDTH: (hm.SHORT, [0])}, FormatError, "TILE_WIDTH 0"),
        ({hm.TILE_LENGTH: (hm.LONG, [2**32 - 1])}, FormatError, "TILE_LENGTH 4294967295"),
        ({hm.SAMPLES: (hm.SHORT, [0])}, FormatError, "SAMPLES_PER_PIXEL 0"),
        ({hm.SAMPLES: (hm.LONG, [65536])}, FormatError, "SAMPLES_PER_PIXEL 65536"),
        ({hm.BITS: (hm.SHORT, [0])}, FormatError, "0 bits a sample, wanted 1 to 128"),
        ({hm.BITS: (hm.SHORT, [129])}, FormatError, "129 bits"),
        (
            {hm.SAMPLES: (hm.SHORT, [3]), hm.BITS: (hm.SHORT, [5, 6, 5])},
            UnsupportedFormat,
            r"BITS_PER_SAMPLE differs between the bands: \[5, 6\]",
        ),
        ({hm.SAMPLE_FORMAT: (hm.SHORT, [9])}, FormatError, "SAMPLE_FORMAT 9, wanted 1 to 6"),
        (
            {hm.SAMPLES: (hm.SHORT, [2]), hm.SAMPLE_FORMAT: (hm.SHORT, [1, 3])},
            UnsupportedFormat,
            "SAMPLE_FORMAT differs",
        ),
        ({hm.PLANAR: (hm.SHORT, [3])}, FormatError, "PLANAR_CONFIGURATION 3, wanted 1 to 2"),
        ({hm.COMPRESSION: (hm.ASCII, b"LZW\0")}, FormatError, "COMPRESSION is of type ASCII"),
        (
            {hm.TILE_WIDTH: (hm.LONG, [2**20]), hm.TILE_LENGTH: (hm.LONG, [2**20])},
            UnsupportedFormat,
            f"a tile of {2**40} bytes, wanted at most {MAX_TILE_BYTES}",
        ),
        (
            {hm.WIDTH: (hm.LONG, [2**31 - 1]), hm.LENGTH: (hm.LONG, [2**31 - 1])},
            FormatError,
            "tiles, wanted at most 2147483647",
        ),
    ],
)
def test_names_what_is_out_of_bounds(fields: dict[int, hm.Field], error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=message):
        cog_of(hm.tiff(hm.image().having(fields)))


def test_an_image_without_an_index_is_refused() -> None:
    bare = hm.image(tiles=())
    with pytest.raises(FormatError, match="IFD 0 at byte 8: no TILE_OFFSETS"):
        cog_of(hm.tiff(bare))
    with pytest.raises(FormatError, match="no TILE_BYTE_COUNTS"):
        cog_of(hm.tiff(bare.having({hm.OFFSETS: (hm.LONG, [8])})))


def test_a_damaged_overview_is_named() -> None:
    broken = hm.image(40, 20, subfile=1).having({hm.TILE_WIDTH: (hm.SHORT, [0])})
    with pytest.raises(FormatError, match=r"IFD 1 at byte \d+: TILE_WIDTH 0"):
        cog_of(hm.tiff(hm.image(), broken))


def test_too_many_overviews_are_refused() -> None:
    def pyramid(levels: int) -> bytes:
        return hm.tiff(hm.image(), *[hm.image(79 - n, 40, subfile=1) for n in range(levels - 1)])

    assert len(cog_of(pyramid(MAX_LEVELS)).levels) == MAX_LEVELS
    with pytest.raises(FormatError, match=f"{MAX_LEVELS} overviews, wanted fewer"):
        cog_of(pyramid(MAX_LEVELS + 1))


@pytest.mark.parametrize(
    ("ifd", "across", "down", "planes", "tile_bytes"),
    [
        (hm.image(80, 40, (32, 16)), 3, 3, 1, 512),
        (hm.image(96, 16, (32, 16)), 3, 1, 1, 512),
        (hm.image(97, 16, (32, 16), samples=3), 4, 1, 1, 1536),
        (hm.image(10, 70, (32, 16), samples=3, planar=2), 1, 5, 3, 512),
        (hm.image(10, 70, (20, 16)).having({hm.BITS: (hm.SHORT, [1])}), 1, 5, 1, 3 * 16),
        (hm.image(10, 70, (21, 16)).having({hm.BITS: (hm.SHORT, [12])}), 1, 5, 1, 32 * 16),
    ],
)
def test_the_grid_and_the_size_of_a_tile(ifd: hm.Ifd, across: int, down: int, planes: int, tile_bytes: int) -> None:
    image = cog_of(hm.tiff(ifd)).full
    assert (image.tiles_across, image.tiles_down, image.planes) == (across, down, planes)
    assert image.tile_bytes == tile_bytes


@pytest.mark.parametrize(
    ("bits", "sample_format", "dtype"),
    [(8, 1, "uint8"), (16, 2, "int16"), (32, 3, "float32"), (1, 1, "uint1"), (64, 6, "complex64"), (8, 4, "uint8")],
)
def test_the_type_of_samples_has_numpys_name(bits: int, sample_format: int, dtype: str) -> None:
    fields: dict[int, hm.Field] = {hm.BITS: (hm.SHORT, [bits]), hm.SAMPLE_FORMAT: (hm.SHORT, [sample_format])}
    assert cog_of(hm.tiff(hm.image().having(fields))).full.dtype == dtype


def test_what_tiff_leaves_out_has_its_default() -> None:
    left_out = (hm.BITS, hm.SAMPLES, hm.SAMPLE_FORMAT, hm.PLANAR, hm.COMPRESSION, hm.SUBFILE, hm.PHOTOMETRIC)
    image = cog_of(hm.tiff(hm.image().without(*left_out))).full
    assert (image.samples, image.bits, image.dtype, image.planes) == (1, 1, "uint1", 1)
    assert (image.compression_name, image.photometric_name, image.jpeg_tables) == ("NONE", "MINISBLACK", None)


def test_numbers_without_a_name_are_shown_as_they_are() -> None:
    fields: dict[int, hm.Field] = {hm.COMPRESSION: (hm.SHORT, [77]), hm.PHOTOMETRIC: (hm.SHORT, [99])}
    image = cog_of(hm.tiff(hm.image().having(fields))).full
    assert (image.compression_name, image.photometric_name) == ("77", "99")


def test_jpeg_tables_are_those_of_their_own_directory() -> None:
    def compressed(width: int, height: int, tables: bytes) -> hm.Ifd:
        return hm.image(width, height, subfile=int(width < 80)).having({hm.JPEG_TABLES: (hm.UNDEFINED, tables)})

    cog = cog_of(hm.tiff(compressed(80, 40, b"first"), compressed(40, 20, b"second"), hm.image(20, 10, subfile=1)))
    assert [level.image.jpeg_tables for level in cog.levels] == [b"first", b"second", None]
