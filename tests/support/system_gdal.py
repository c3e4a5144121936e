"""The programs of the distribution's GDAL: another release than rasterio's, with another PROJ."""

import os
import shutil


def gdal_program(name: str) -> str:
    """The path of one of the commands."""
    found = shutil.which(name, path=f"/usr/bin:{os.environ['PATH']}")
    assert found, f"no {name} found: sudo apt-get install gdal-bin"
    return found
