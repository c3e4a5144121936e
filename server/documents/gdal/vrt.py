"""`gdal.vrt`: a layer as GDAL reads its file, as a VRT over tiles (gdal.org/drivers/raster/vrt.html).

Each level is an inline description for GDAL's WMS driver, with its own size and tiles; bands name it as their source.
The driver takes four bands for red, green, blue and alpha, and has no mask. With few bands, alpha or a mask, the
overview of a band is therefore a complete VRT of all bands and the mask of that level. Its size grows with the square
of the number of bands; in other cases an overview is the driver's description alone."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from cogread.byterange import ByteRange
from cogread.crs.geokeys import GeoKey
from cogread.crs.georeference import PIXEL_IS_POINT
from cogread.crs.lookup import vertical_unit
from cogread.deadline import Deadline
from cogread.image import Cog, Image
from cogread.metadata.bands import Band, bands_of, dataset_metadata
from cogread.metadata.nodata import nodata_of, nodata_text
from cogread.metadata.tag_metadata import tag_metadata
from cogread.refusal import Refusal
from cogread.tiff.colors import ALPHA, PALETTE
from cogread.tiff.parse import drive
from cogread.tiff.tags import Photometric, Tag
from cogread.wrap.png.palette import Palette, load_palette, palette_refusal
from cogread.wrap.tile import mask_mismatch
from server.documents.gdal import vrt_elements as vrt
from server.documents.gdal.tiles import crs_text, gdal_tiles, has_odd_bits, tiles_refusal
from server.documents.xml_text import element, escaped
from server.http.errors import UnknownUrl
from server.http.public_urls import Links
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, MASK, LayerVersion
from server.tiles.request import BUDGET_S

FEW_BANDS: Final = 4
"""Most bands whose colours GDAL's WMS driver guesses."""
MOST_BYTES: Final = 8 << 20
"""Bound of a document, by a rough estimate."""
_SOURCE_BYTES: Final = 900
"""Size of one description of tiles within a document."""


def vrt_refusal(cog: Cog) -> Refusal | None:
    """Refuse a file that no VRT over its tiles reads correctly."""
    return next(map(Refusal, _obstacles(cog)), None)


def gdal_vrt(layer: Layer, opened: LayerVersion, links: Links) -> bytes:
    """The document of a version of a layer; `links` makes the URLs of its tiles.

    Raises:
        UnknownUrl: no VRT over the tiles reads as the file does; the message says why.
        FormatError: the palette is damaged.
    """
    refusal = vrt_refusal(opened.cog)
    if refusal is not None:
        raise UnknownUrl(f"GDAL cannot open the layer by its tiles: {refusal}")
    return _Vrt(layer, opened, links).written().encode()


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

    def __init__(self, layer: Layer, opened: LayerVersion, links: Links) -> None:
        self._layer, self._opened, self._links = layer, opened, links
        self._cog, self._bands, self._deadline = opened.cog, bands_of(opened.cog), Deadline.after(BUDGET_S)
        has_palette = self._bands[0].color_interpretation == PALETTE
        self._color_table = vrt.color_table(self._palette()) if has_palette else ""

    def written(self) -> str:
        """The document, its overviews in the order of the file."""
        cog, resolver = self._cog, self._opened.resolver
        coarser = sorted(range(1, len(cog.levels)), key=lambda n: cog.levels[n].image.directory.number)
        overview = self._level if _is_nested(cog) else partial(self._tiles, kind=IMAGE)
        tiles, unit = vrt.cdata(self._tiles(0, IMAGE)), vertical_unit(cog.geo, resolver)
        images = [vrt.cdata(overview(n)) for n in coarser]
        masks = [vrt.cdata(self._mask_alone(n)) for n in coarser if cog.levels[n].mask is not None]
        bands = (
            self._band(0, number, tiles, _described(band, unit), vrt.overviews(images, number))
            for number, band in enumerate(self._bands, 1)
        )
        head = vrt.place(cog.geo, crs_text(cog.geo, resolver)), vrt.metadata(self._metadata())
        return vrt.dataset(cog.full, *head, *bands, self._mask(0, vrt.cdata, vrt.overviews(masks, 1)))

    def _level(self, number: int) -> str:
        """A level as a VRT of all bands and the mask."""
        tiles = escaped(self._tiles(number, IMAGE))
        bands = (self._band(number, band, tiles) for band in range(1, len(self._bands) + 1))
        return vrt.dataset(self._cog.levels[number].image, *bands, self._mask(number, escaped))

    def _band(self, level: int, number: int, tiles: str, *content: str) -> str:
        """A band of a level; the content precedes its source."""
        image, nodata = self._cog.levels[level].image, nodata_of(self._cog)
        nodata_value = None if nodata is None else nodata_text(nodata)
        color = self._bands[number - 1].color_interpretation
        bits = vrt.metadata({"NBITS": str(image.bits)}, domain="IMAGE_STRUCTURE") if has_odd_bits(image) else ""
        return vrt.raster_band(
            image,
            vrt.elements({"NoDataValue": nodata_value, "ColorInterp": color}),
            self._color_table if number == 1 else "",
            bits,
            *content,
            element("SimpleSource", vrt.source(tiles, number)),
            band=number,
        )

    def _mask(self, number: int, quoted: Callable[[str], str], *content: str) -> str:
        """The mask of a level, if it has one."""
        mask = self._cog.levels[number].mask
        if mask is None:
            return ""
        return element("MaskBand", vrt.raster_band(mask, *content, self._mask_source(mask, number, quoted)))

    def _mask_alone(self, number: int) -> str:
        """The mask of a level that has one as a VRT of one band."""
        mask = self._cog.levels[number].mask or self._cog.full
        return vrt.dataset(mask, vrt.raster_band(mask, self._mask_source(mask, number, escaped), band=1))

    def _mask_source(self, mask: Image, number: int, quoted: Callable[[str], str]) -> str:
        """The source of a mask; masks of 1 bit are scaled, as they store 0 and 1 for GDAL's 0 and 255."""
        ratio = element("ScaleRatio", "255") if mask.bits == 1 else ""
        return element("ComplexSource", vrt.source(quoted(self._tiles(number, MASK)), 1) + ratio)

    def _tiles(self, number: int, kind: str) -> str:
        """A level for GDAL's WMS driver."""
        tiles = gdal_tiles(self._layer, self._opened, number, kind)
        return vrt.wms(tiles, self._links.to(tiles.path))

    def _metadata(self) -> Mapping[str, str]:
        cog = self._cog
        of_tags = drive(tag_metadata(cog.full.directory, cog.version.size_bytes), self._read)
        keys = cog.geo.point_keys if cog.geo.points else cog.geo.keys
        raster_type = keys.short(GeoKey.RASTER_TYPE)
        kind = {} if raster_type is None else {"AREA_OR_POINT": "Point" if raster_type == PIXEL_IS_POINT else "Area"}
        return {**of_tags, **dataset_metadata(cog), **kind}

    def _read(self, wanted: ByteRange) -> bytes:
        """Read header bytes that are not loaded."""
        return self._layer.source.read(wanted, self._cog.version, self._deadline).data

    def _palette(self) -> Palette:
        cog = self._cog
        if _is_bilevel(cog):
            is_white_first = cog.full.photometric == Photometric.MINISWHITE
            return Palette(b"\xff\xff\xff\0\0\0" if is_white_first else b"\0\0\0\xff\xff\xff", None)
        return drive(load_palette(cog, cog.levels[0]), self._read)


def _described(band: Band, unit: str | None) -> str:
    """Metadata of a band, which overviews do not have in GDAL; a band without a unit has that of heights."""
    facts = {"Description": band.description, "UnitType": band.unit or unit, "Offset": band.offset, "Scale": band.scale}
    return vrt.elements(facts) + vrt.metadata(band.metadata)


def _is_bilevel(cog: Cog) -> bool:
    """Tell whether GDAL adds a palette: for a file of one bit without one."""
    return cog.full.bits == 1 and Tag.COLOR_MAP not in cog.full.directory.entries
