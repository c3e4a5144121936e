"""Metadata of TIFF's own tags, as GDAL reads it."""

from math import inf, nan
from typing import Final

import pytest
from rasterio.io import MemoryFile

from cogread.metadata.tag_metadata import tag_metadata
from cogread.tiff.parse import drive
from tests.support import handmade as hm
from tests.support.cogs import cog_of

X_RESOLUTION: Final = 282
MOST: Final = (2 - 2**-23) * 2.0**127
"""The largest float32."""

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


VALUES: Final = (0.0, 72.5, 1e-50, 0.1, -5.0, MOST, inf, -inf, nan)


@pytest.mark.parametrize(
    ("kind", "value"),
    [*((kind, value) for kind in (hm.FLOAT, hm.DOUBLE) for value in VALUES), (hm.DOUBLE, 1e300), (hm.DOUBLE, -1e300)],
)
def test_a_resolution_is_the_one_that_gdal_reads(kind: int, value: float) -> None:
    data = hm.tiff(hm.image().having({X_RESOLUTION: (kind, [value])}))
    with MemoryFile(data) as memory, memory.open() as dataset:
        wanted = dataset.tags().get("TIFFTAG_XRESOLUTION")
    metadata = drive(tag_metadata(cog_of(data).full.directory, len(data)), lambda part: data[part.start : part.stop])
    assert metadata.get("TIFFTAG_XRESOLUTION") == wanted
