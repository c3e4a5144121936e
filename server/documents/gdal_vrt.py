"""`gdal.vrt`: a layer as GDAL reads its file, as a VRT over tiles (gdal.org/drivers/raster/vrt.html).

Each level is an inline description for GDAL's WMS driver, with its own size and tiles; bands name it as their source.
The driver takes four bands for red, green, blue and alpha, and has no mask. With few bands, alpha or a mask, the
overview of a band is therefore a complete VRT of all bands and the mask of that level. Its size grows with the square
of the number of bands; in other cases an overview is the driver's description alone. This needs PROJ, so only documents
import it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from cogread.byterange import ByteRange
from cogread.crs.geokeys import GeoKey
from cogread.crs.georeference import PIXEL_IS_POINT, Georeference
from cogread.crs.lookup import CrsResolver, vertical_unit
from cogread.image import Cog, Image, Level
from cogread.metadata.bands import Band, bands_of, dataset_metadata
from cogread.metadata.nodata import nodata_of, nodata_text
from cogread.metadata.tag_metadata import tag_metadata
from cogread.refusal import Refusal
from cogread.tiff.colors import ALPHA, PALETTE
from cogread.tiff.parse import drive
from cogread.tiff.tags import Photometric, Tag
from cogread.wrap.png.palette import Palette, load_palette, palette_refusal
from cogread.wrap.tile import mask_mismatch
from server.documents.gdal_tiles import GdalTiles, crs_text, data_type, gdal_tiles, has_odd_bits, tiles_refusal
from server.documents.xml_text import element, escaped
from server.http.errors import UnknownUrl
from server.layers.catalog import Layer
from server.layers.layer_version import IMAGE, MASK, LayerVersion

FEW_BANDS: Final = 4
"""Most bands whose colours GDAL's WMS driver guesses."""
MOST_BYTES: Final = 8 << 20
"""Bound of a document, by a rough estimate."""
_SOURCE_BYTES: Final = 900
"""Size of one description of tiles within a document."""


def vrt_refusal(cog: Cog) -> Refusal | None:
    """Refuse a file that no VRT over its tiles reads correctly."""
    return next(map(Refusal, _obstacles(cog)), None)


def gdal_vrt(layer: Layer, opened: LayerVersion, base_url: str, read: Callable[[ByteRange], bytes]) -> str:
    """Write the document of a version of a layer.

    Args:
        layer: the layer.
        opened: its version.
        base_url: beginning of the URLs of tiles.
        read: reads header bytes that are not loaded.

    Raises:
        UnknownUrl: no VRT over the tiles reads as the file does; the message says why.
        FormatError: the palette is damaged.
    """
    refusal = vrt_refusal(opened.cog)
    if refusal is not None:
        raise UnknownUrl(f"GDAL cannot open the layer by its tiles: {refusal}")
    return _Vrt(layer, opened, base_url, read).written()


def _obstacles(cog: Cog) -> Iterator[str]:
    for level in cog.levels:
        refusal = tiles_refusal(level) or mask_mismatch(level)
        if refusal is not None:
            yield refusal.reason
        if level.mask is not None and level.mask.samples > 1:
            yield f"the mask has {level.mask.samples} bands"
    has_palette = cog.levels[0].colors[0] == PALETTE and not _is_bilevel(cog)
    refusal = palette_refusal(cog.levels[0]) if has_palette else None
    if refusal is not None:
        yield refusal.reason
    nodata = nodata_of(cog)
    if isinstance(nodata, int) and int(float(nodata)) != nodata and nodata not in (2**63 - 1, 2**64 - 1):
        yield f"nodata {nodata} cannot be handed to GDAL's WMS driver, which has it as a double"
    bands, levels = cog.full.samples, len(cog.levels)
    sources = bands + (levels - 1) * bands * (bands + 1 if _is_nested(cog) else 1)
    if sources * _SOURCE_BYTES > MOST_BYTES:
        yield (
            f"the document for {bands} bands at {levels} levels would take some {sources * _SOURCE_BYTES >> 20} MiB, "
            f"wanted at most {MOST_BYTES >> 20}"
        )


def _is_nested(cog: Cog) -> bool:
    """True if overviews are VRTs themselves."""
    is_masked = any(level.mask is not None for level in cog.levels)
    return cog.full.samples <= FEW_BANDS or is_masked or ALPHA in cog.levels[0].colors


class _Vrt:
    """Writer of one document."""

    def __init__(self, layer: Layer, opened: LayerVersion, base_url: str, read: Callable[[ByteRange], bytes]) -> None:
        self._layer, self._opened, self._base_url = layer, opened, base_url
        self._cog, self._bands = opened.cog, bands_of(opened.cog)
        self._unit = vertical_unit(opened.cog.geo, opened.resolver)
        self._is_nested = _is_nested(opened.cog)
        has_palette = self._bands[0].color_interpretation == PALETTE
        self._palette = _color_table(_palette(self._cog, read)) if has_palette else ""
        self._metadata = _metadata(self._cog, read)

    def written(self) -> str:
        """The document, its overviews in the order of the file."""
        cog, full = self._cog, self._cog.levels[0]
        tiles = _cdata(self._tiles(0, IMAGE))
        coarser = sorted(range(1, len(cog.levels)), key=lambda n: cog.levels[n].image.directory.number)
        overviews = [_cdata(self._alone(n) if self._is_nested else self._tiles(n, IMAGE)) for n in coarser]
        masks = [_cdata(self._mask_alone(n)) for n in coarser if cog.levels[n].mask is not None]
        bands = (
            self._band(full, number, self._described(band), _overviews(overviews, number), _simple(tiles, number))
            for number, band in enumerate(self._bands, 1)
        )
        mask = self._mask(0, _cdata, _overviews(masks, 1)) if full.mask is not None else ""
        return _dataset(full.image, *_place(cog.geo, self._opened.resolver), _items(self._metadata), *bands, mask)

    def _alone(self, number: int) -> str:
        """A level as a VRT of all bands and the mask."""
        level = self._cog.levels[number]
        tiles = escaped(self._tiles(number, IMAGE))
        bands = (self._band(level, band, _simple(tiles, band)) for band in range(1, len(self._bands) + 1))
        return _dataset(level.image, *bands, "" if level.mask is None else self._mask(number, escaped))

    def _mask_alone(self, number: int) -> str:
        """The mask of a level as a VRT of one band."""
        mask = self._cog.levels[number].mask or self._cog.full
        return _dataset(mask, _band(mask, self._mask_source(number, escaped), band=1))

    def _band(self, level: Level, number: int, *content: str) -> str:
        image, nodata = level.image, nodata_of(self._cog)
        color = element("ColorInterp", self._bands[number - 1].color_interpretation)
        none = "" if nodata is None else element("NoDataValue", nodata_text(nodata))
        bits = _items({"NBITS": str(image.bits)}, domain="IMAGE_STRUCTURE") if has_odd_bits(image) else ""
        return _band(image, none, color, self._palette if number == 1 else "", bits, *content, band=number)

    def _described(self, band: Band) -> str:
        """Metadata of a band, which overviews do not have in GDAL; a band without a unit has that of heights."""
        unit = band.unit or self._unit
        facts = {"Description": band.description, "UnitType": unit, "Offset": band.offset, "Scale": band.scale}
        return _elements({name: value for name, value in facts.items() if value is not None}) + _items(band.metadata)

    def _mask(self, number: int, quoted: Callable[[str], str], *content: str) -> str:
        mask = self._cog.levels[number].mask or self._cog.full
        return element("MaskBand", _band(mask, *content, self._mask_source(number, quoted)))

    def _mask_source(self, number: int, quoted: Callable[[str], str]) -> str:
        """The source of a mask; masks of 1 bit are scaled, as they store 0 and 1 for GDAL's 0 and 255."""
        mask = self._cog.levels[number].mask or self._cog.full
        ratio = element("ScaleRatio", "255") if mask.bits == 1 else ""
        return element("ComplexSource", _source(quoted(self._tiles(number, MASK)), 1) + ratio)

    def _tiles(self, number: int, kind: str) -> str:
        """A level for GDAL's WMS driver."""
        return _wms(gdal_tiles(self._layer, self._opened, number, kind), self._base_url)


def _wms(tiles: GdalTiles, base_url: str) -> str:
    """Tiles without a georeference, which the VRT has."""
    window = {
        "UpperLeftX": 0,
        "UpperLeftY": 0,
        "LowerRightX": tiles.width,
        "LowerRightY": tiles.height,
        "SizeX": tiles.width,
        "SizeY": tiles.height,
        "TileLevel": tiles.z,
        "YOrigin": "top",
    }
    facts = {
        "BlockSizeX": tiles.tile_width,
        "BlockSizeY": tiles.tile_height,
        "OverviewCount": 0,
        "BandsCount": tiles.bands,
        "DataType": tiles.data_type,
        "ZeroBlockHttpCodes": "204,404",
        "MaxConnections": 8,
    }
    return element(
        "GDAL_WMS",
        element("Service", element("ServerUrl", escaped(base_url + tiles.path)), name="TMS")
        + element("DataWindow", _elements(window))
        + _elements(facts)
        + ("" if tiles.nodata is None else element("DataValues", NoData=tiles.nodata)),
    )


def _dataset(image: Image, *content: str) -> str:
    return element("VRTDataset", "".join(content), rasterXSize=image.width, rasterYSize=image.height)


def _band(image: Image, *content: str, **number: int) -> str:
    blocks = {"blockXSize": image.tile_width, "blockYSize": image.tile_height}
    return element("VRTRasterBand", "".join(content), dataType=data_type(image), **number, **blocks)


def _simple(source: str, number: int) -> str:
    return element("SimpleSource", _source(source, number))


def _overviews(sources: Iterable[str], number: int) -> str:
    return "".join(element("Overview", _source(source, number)) for source in sources)


def _source(source: str, number: int) -> str:
    return element("SourceFilename", source, relativeToVRT=0) + element("SourceBand", str(number))


def _place(geo: Georeference, resolver: CrsResolver) -> Iterator[str]:
    crs = crs_text(geo, resolver)
    if geo.points:
        points = (
            element("GCP", Id=number, Pixel=repr(col), Line=repr(row), X=repr(x), Y=repr(y), Z=repr(z))
            for number, (col, row, x, y, z) in enumerate(geo.points, 1)
        )
        yield element("GCPList", "".join(points), **({} if crs is None else {"Projection": crs}))
        return
    if crs is not None:
        yield element("SRS", escaped(crs))
    if geo.transform is not None:
        yield element("GeoTransform", ", ".join(map(repr, geo.transform)))


def _metadata(cog: Cog, read: Callable[[ByteRange], bytes]) -> Mapping[str, str]:
    of_tags = drive(tag_metadata(cog.full.directory, cog.version.size_bytes), read)
    keys = cog.geo.point_keys if cog.geo.points else cog.geo.keys
    raster_type = keys.short(GeoKey.RASTER_TYPE)
    kind = {} if raster_type is None else {"AREA_OR_POINT": "Point" if raster_type == PIXEL_IS_POINT else "Area"}
    return {**of_tags, **dataset_metadata(cog), **kind}


def _items(items: Mapping[str, str], **domain: str) -> str:
    if not items:
        return ""
    return element("Metadata", "".join(element("MDI", escaped(text), key=key) for key, text in items.items()), **domain)


def _is_bilevel(cog: Cog) -> bool:
    """Tell whether GDAL adds a palette: for a file of one bit without one."""
    return cog.full.bits == 1 and Tag.COLOR_MAP not in cog.full.directory.entries


def _palette(cog: Cog, read: Callable[[ByteRange], bytes]) -> Palette:
    if _is_bilevel(cog):
        is_white_first = cog.full.photometric == Photometric.MINISWHITE
        return Palette(b"\xff\xff\xff\0\0\0" if is_white_first else b"\0\0\0\xff\xff\xff", None)
    return drive(load_palette(cog, cog.levels[0]), read)


def _color_table(palette: Palette) -> str:
    """The palette as a table in which nodata is transparent."""
    colors = (palette.colors[at : at + 3] for at in range(0, len(palette.colors), 3))
    entries = (
        element("Entry", c1=red, c2=green, c3=blue, c4=0 if index == palette.clear else 255)
        for index, (red, green, blue) in enumerate(colors)
    )
    return element("ColorTable", "".join(entries))


def _elements(values: Mapping[str, object]) -> str:
    return "".join(element(name, escaped(str(value))) for name, value in values.items())


def _cdata(markup: str) -> str:
    """Markup as text. It has no `]]>`, since it consists of elements."""
    return f"<![CDATA[{markup}]]>"
