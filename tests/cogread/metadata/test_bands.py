"""Band facts against GDAL's reading of the same file."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile

from cogread.errors import FormatError
from cogread.metadata.bands import Band, bands_of, dataset_metadata
from tests.support import handmade as hm
from tests.support.cogs import cog_of

EXTRA_SAMPLES, COLOR_MAP, METADATA = 338, 320, 42112
OTHER_NAMES: Final = {"Y": "ycbcr_y", "Cb": "ycbcr_cb", "Cr": "ycbcr_cr", "other_ir": "otherir"}
"""rasterio's names of GDAL's."""


def file_of(samples: int, photometric: int, bits: int = 8, **more: hm.Field) -> bytes:
    """One tile of zeros; `more` is `extra`, `color_map` and `metadata`."""
    tags = {"extra": EXTRA_SAMPLES, "color_map": COLOR_MAP, "metadata": METADATA}
    fields: dict[int, hm.Field] = {
        hm.BITS: (hm.SHORT, [bits] * samples),
        hm.PHOTOMETRIC: (hm.SHORT, [photometric]),
        hm.SCALE: (hm.DOUBLE, [1, 1, 0]),
        hm.TIEPOINT: (hm.DOUBLE, [0, 0, 0, 5, 7, 0]),
        **{tags[name]: field for name, field in more.items()},
    }
    tile = bytes(32 * 16 * samples * bits // 8)
    return hm.tiff(hm.image(32, 16, samples=samples, tiles=[tile]).having(fields))


def gdal_reading(data: bytes) -> tuple[tuple[Band, ...], dict[str, str]] | None:
    """Bands and metadata of the dataset; None where GDAL opens no such file."""
    with MemoryFile(data) as memory:
        try:
            dataset = memory.open()
        except RasterioIOError:
            return None
        with dataset:
            colors = [OTHER_NAMES.get(color.name, color.name) for color in dataset.colorinterp]
            facts = (
                dataset.scales,
                dataset.offsets,
                dataset.units,
                dataset.descriptions,
                map(dataset.tags, dataset.indexes),
            )
            return tuple(map(Band, colors, *facts)), dataset.tags()


def own_reading(data: bytes) -> tuple[tuple[Band, ...], dict[str, str]] | None:
    """The same of the code under test, with GDAL's scale and offset of a file that states none."""
    try:
        cog = cog_of(data)
    except FormatError:
        return None
    bands = [
        Band(
            band.color_interpretation,
            1.0 if band.scale is None else band.scale,
            0.0 if band.offset is None else band.offset,
            band.unit,
            band.description,
            band.metadata,
        )
        for band in bands_of(cog)
    ]
    return tuple(bands), dict(dataset_metadata(cog))


def item(attributes: str, text: str) -> str:
    return f"<Item {attributes}>{text}</Item>"


def color(sample: int, text: str) -> str:
    return item(f'name="COLORINTERP" sample="{sample}" role="colorinterp"', text)


ITEMS: Final = (
    [color(0, "Blue"), color(1, "Green"), color(2, "Red"), color(3, "NIR")],
    [color(0, "OtherIR"), color(1, "SAR_Ka"), color(2, "RedEdge"), color(3, "Undefined")],
    [color(0, "Grey"), color(1, "PALETTE"), color(2, "YCbCr_Y"), color(3, "hue")],
    [color(0, "Red "), color(1, " Red"), color(2, "nonsense"), color(3, "GrayIndex")],
    [color(0, "Red"), color(0, "Pan"), color(1, "nonsense"), color(1, "Blue"), color(4, "Red"), color(-1, "Red")],
    [item('name="SCALE" sample="0" role="scale"', "0.01"), item('name="OFFSET" sample="0" role="offset"', "273,15")],
    [item('name="S" sample="1" role="Scale"', "none"), item('name="O" sample="2" role="offset"', "5")],
    [
        item('name="S" sample="0" role="scale" domain="a"', "3"),
        item('name="S" sample="1" role="scale" domain="xml:a"', "4"),
    ],
    [item('name="S" sample="0" role="scale" domain="IMAGE_STRUCTURE"', "3"), item('name="S" role="scale"', "4")],
    [item('name="D" sample="0" role="description"', " two  words "), item('name="U" sample="1" role="unittype"', "°C")],
    [item('name="U" sample="0" role="unittype"', ""), item('name="U" sample="1" role="unittype"', " ")],
    [item('name="A"', "&amp;lt;1 &amp;amp; &lt; &#65; &amp;#66; a>b"), item('name="A&lt;B" sample="2"', "\n x\n ")],
    [item('name="A"', "x\r\ny\rz"), item('\r\nname="D" sample="0"\r\nrole="description"', "\r\nred\r\nedge\r\n")],
    [item('name="A"', "1"), item('name="a"', "2"), item('name="B" sample="0"', "1"), item('name="b" sample="0"', "2")],
    [item(f'name="{n}" sample="{n}"', "1") for n in ("abc", " 1x", "-1", "-2", "+1", "", "3", "4", "70000")],
    [item('name="A" domain="other"', "1"), item('name="B" sample="1" role="other"', "1"), item('name=""', "1")],
    ["<Item/>", "text", "<!-- - -->", "<?pi x?>", item('name="A"', "<b/>1"), item('name="C"', "1<!-- - -->")],
    ["<Sub>", item('name="A"', "1"), "</Sub>", item("name='B'", "<![CDATA[x<y]]>"), "<item NAME='C'>1</item>"],
)
"""Contents of GDALMetadata."""
TEXTS: Final = (
    "",
    "<",
    "no XML",
    "<?xml version='1.0'?><GDALMetadata><Item name='A'>1</Item></GDALMetadata>",
    "\ufeff\n<gdalmetadata><Item name='A'>1</Item></gdalmetadata> \n",
    "<GDALMetadata><Item name='A'>1</Item></GDALMetadata>more",
    "<GDALMetadata><Item name='A'>1</Item>",
    "<GDALMetadata><Item name='A'>1</Item></Other>",
    "<Other><Item name='A'>1</Item></Other>",
)


def test_metadata_is_read_as_gdal_reads_it() -> None:
    texts = [*("<GDALMetadata>" + "\n  ".join(items) + "</GDALMetadata>" for items in ITEMS), *TEXTS]
    for text in texts:
        data = file_of(4, 2, extra=(hm.SHORT, [2]), metadata=(hm.ASCII, text.encode() + b"\0"))
        assert own_reading(data) == gdal_reading(data), text


def test_a_band_of_one_bit_has_a_palette_whatever_its_items_say() -> None:
    text = f"<GDALMetadata>{color(0, 'Undefined')}</GDALMetadata>\0".encode()
    for photometric in (0, 1):
        data = file_of(1, photometric, bits=1, metadata=(hm.ASCII, text))
        assert own_reading(data) == gdal_reading(data)


def test_text_that_is_no_xml_is_mended_or_says_nothing() -> None:
    """Latin-1, control characters, a bare ampersand; and entities, which are never expanded."""
    scale = item('name="SCALE" sample="0" role="scale"', "2")
    unit = item('name="U" sample="0" role="unittype"', "°C & \x01")
    latin = f"<GDALMetadata>{scale}{unit}</GDALMetadata>".encode("latin-1")
    bands, _ = own_reading(file_of(1, 1, metadata=(hm.ASCII, latin))) or ((), {})
    assert (bands[0].scale, bands[0].unit) == (2.0, "°C & \ufffd")
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x"}">' for n in range(10))
    bomb = f'<!DOCTYPE GDALMetadata [{entities}]><GDALMetadata>{scale}<Item name="A">&e9;</Item></GDALMetadata>'
    assert own_reading(file_of(1, 1, metadata=(hm.ASCII, bomb.encode()))) == ((Band("gray", 1.0, 0.0),), {})


def files_of_tags() -> Iterator[tuple[Any, bytes]]:
    """Every photometric with every kind of further samples, and palettes of right and wrong sizes."""
    extras = (None, [0], [1], [2], [999], [3], [0, 2], [2, 0], [2, 2], [0, 0, 2], [2, 1, 0], [0, 0, 0, 2], [2, 0, 0, 0])
    photometrics = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32803)
    for photometric, samples, extra, bits in product(photometrics, (1, 2, 3, 4, 5), extras, (8, 16)):
        if photometric == 6 and (bits, samples) != (8, 3):
            continue  # GDAL has other bands than the file, or opens it not at all
        more: dict[str, hm.Field] = {} if extra is None else {"extra": (hm.SHORT, extra)}
        yield (photometric, samples, extra, bits), file_of(samples, photometric, bits, **more)
    for photometric, samples, bits, count in product((0, 1, 2, 3), (1, 2, 3), (1, 4, 8, 16), (12, 48, 768)):
        if photometric == 3 and bits < 8 and count != 3 << bits:
            continue  # GDAL opens no palette image without a palette
        yield (
            (photometric, samples, bits, f"ColorMap of {count}"),
            file_of(samples, photometric, bits, color_map=(hm.SHORT, [0] * count)),
        )


def test_colors_are_those_that_gdal_reads_of_the_tags() -> None:
    faults = []
    for name, data in files_of_tags():
        actual, wanted = own_reading(data), gdal_reading(data)
        colors = [
            None if read is None else [band.color_interpretation for band in read[0]] for read in (actual, wanted)
        ]
        if actual is not None and wanted is not None:  # GDAL makes 4 bands of the samples of CMYK and L*a*b*
            count = min(len(actual[0]), len(wanted[0]))
            colors = [names[:count] for names in colors if names is not None]
        if colors[0] != colors[1]:
            faults.append(f"{name}: {colors[0]}, GDAL reads {colors[1]}")
    assert not faults
