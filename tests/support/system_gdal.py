"""The programs of the distribution's GDAL: another release than rasterio's, with another PROJ and another libjpeg."""

import os
import shutil
import subprocess
from pathlib import Path


def gdal_program(name: str) -> str:
    """The path of one of the commands."""
    path = shutil.which(name, path=f"/usr/bin:{os.environ['PATH']}")
    assert path, f"no {name} found: sudo apt-get install gdal-bin"
    return path


def decode(source: Path | str, target: Path, level: int = 0) -> Path:
    """Copy a level into an uncompressed GeoTIFF, its JPEG tiles decoded by the libjpeg of these programs."""
    overview = "NONE" if level == 0 else str(level - 1)
    command = [gdal_program("gdal_translate"), "-q", "-ovr", overview, str(source), str(target)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return target
