"""The formulas by which map libraries read heights from colours."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FORMULAS: Final = {"terrarium": (-32768.0, 1 / 256), "mapbox": (-10000.0, 0.1)}
"""Encoding -> lowest height and step, in metres."""


def heights_of(encoding: str, colors: NDArray[Any]) -> NDArray[np.float64]:
    """(height, width) of heights by the published formulas, of (3, height, width) of red, green and blue."""
    red, green, blue = colors.astype(np.float64)
    if encoding == "terrarium":
        return np.asarray(red * 256 + green + blue / 256 - 32768)
    return np.asarray(-10000 + (red * 256 * 256 + green * 256 + blue) * 0.1)
