"""Elements of a VRT (gdal.org/drivers/raster/vrt.html), as markup."""

from collections.abc import Iterable, Mapping

from cogread.crs.georeference import Georeference
from cogread.image import Image
from cogread.wrap.png.palette import Palette
from server.documents.gdal.tiles import GdalTiles, data_type
from server.documents.xml_text import element, escaped


def dataset(image: Image, *content: str) -> str:
    """A dataset of the size of an image."""
    return element("VRTDataset", "".join(content), rasterXSize=image.width, rasterYSize=image.height)


def raster_band(image: Image, *content: str, **number: int) -> str:
    """A band with the type and the tiles of an image."""
    blocks = {"blockXSize": image.tile_width, "blockYSize": image.tile_height}
    return element("VRTRasterBand", "".join(content), dataType=data_type(image), **number, **blocks)


def source(dataset: str, number: int) -> str:
    """The band of this number of another dataset, which is given by its description, escaped."""
    return element("SourceFilename", dataset, relativeToVRT=0) + element("SourceBand", str(number))


def overviews(datasets: Iterable[str], number: int) -> str:
    """The overviews of a band."""
    return "".join(element("Overview", source(dataset, number)) for dataset in datasets)


def wms(tiles: GdalTiles, url: str) -> str:
    """A dataset of GDAL's WMS driver (gdal.org/drivers/raster/wms.html), without a georeference; `url` is of tiles."""
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
        element("Service", element("ServerUrl", escaped(url)), name="TMS")
        + element("DataWindow", elements(window))
        + elements(facts)
        + ("" if tiles.nodata is None else element("DataValues", NoData=tiles.nodata)),
    )


def place(geo: Georeference, crs: str | None) -> str:
    """The place on Earth, with the CRS by its code or as WKT, if any."""
    if geo.points:
        points = (
            element("GCP", Id=number, Pixel=repr(col), Line=repr(row), X=repr(x), Y=repr(y), Z=repr(z))
            for number, (col, row, x, y, z) in enumerate(geo.points, 1)
        )
        return element("GCPList", "".join(points), **({} if crs is None else {"Projection": crs}))
    transform = None if geo.transform is None else ", ".join(map(repr, geo.transform))
    return elements({"SRS": crs, "GeoTransform": transform})


def metadata(items: Mapping[str, str], **domain: str) -> str:
    """Items of metadata; nothing without any."""
    if not items:
        return ""
    return element("Metadata", "".join(element("MDI", escaped(text), key=key) for key, text in items.items()), **domain)


def color_table(palette: Palette) -> str:
    """A palette as a table in which nodata is transparent."""
    colors = (palette.colors[at : at + 3] for at in range(0, len(palette.colors), 3))
    entries = (
        element("Entry", c1=red, c2=green, c3=blue, c4=0 if index == palette.clear else 255)
        for index, (red, green, blue) in enumerate(colors)
    )
    return element("ColorTable", "".join(entries))


def elements(values: Mapping[str, object]) -> str:
    """An element for each value but None."""
    return "".join(element(name, escaped(str(value))) for name, value in values.items() if value is not None)


def cdata(markup: str) -> str:
    """Markup as text. It has no `]]>`, since it consists of elements."""
    return f"<![CDATA[{markup}]]>"
