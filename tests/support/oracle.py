"""Differences between the releases of GDAL in rasterio: 3.10 in the last one for Python 3.11, 3.12 in newer ones."""

from typing import Final

import rasterio

_RELEASE: Final = tuple(map(int, rasterio.__gdal_version__.split(".")[:2]))

HAS_HALF_FLOATS: Final = _RELEASE >= (3, 11)
"""Else half floats are read as float32, and complex numbers of them as integers."""
READS_NAN_ALONE: Final = _RELEASE == (3, 10)
"""`nan` is a number only by itself: `nan(ind)`, NaN in GDAL 3.6 and 3.12, is 0."""
JPEG_DIFFERENCE: Final = 0.0 if _RELEASE > (3, 10) else 1.0
"""Mean difference from pixels of subsampled JPEG that the server decodes for a PNG, by libjpeg-turbo as browsers do.
rasterio 1.4 has the libjpeg 9 of the IJG, which interpolates colours by other rules."""
