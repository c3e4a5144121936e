"""QGIS without a window, where the distribution has it (Debian: python3-qgis)."""

import json
import subprocess
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

HAS_QGIS: Final = Path("/usr/lib/python3/dist-packages/qgis/core/__init__.py").exists()


@dataclass(frozen=True, slots=True)
class Picture:
    """A map of one layer, in the CRS of the layer, on white."""

    name: str
    provider: str
    """QGIS's: `gdal`, or `wms` for WMTS and XYZ too."""
    uri: str
    """Source of the layer, as QGIS spells it."""
    extent: tuple[float, float, float, float]
    """Left, bottom, right, top."""
    size: tuple[int, int]
    """Width, height."""


def draw(pictures: Iterable[Picture], folder: Path) -> dict[str, NDArray[Any]]:
    """Name -> red, green and blue of the map: (3, height, width)."""
    wanted = [asdict(picture) for picture in pictures]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    environment["GDAL_PAM_ENABLED"] = "NO"  # else it writes statistics beside the files
    command = ["/usr/bin/python3", "-I", str(Path(__file__).with_name("qgis_render.py")), str(folder)]
    done = subprocess.run(
        command, input=json.dumps(wanted), env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    return {picture["name"]: _colours(folder / f"{picture['name']}.png") for picture in wanted}


def _colours(path: Path) -> NDArray[Any]:
    with warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning), rasterio.open(path) as dataset:
        return np.asarray(dataset.read([1, 2, 3]))
