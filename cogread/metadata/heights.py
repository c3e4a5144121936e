"""Units of heights, as bands and CRSs name them, in metres."""

from typing import Final

_FOOT: Final = 0.3048
_US_FOOT: Final = 1200 / 3937

_METRES: Final = {
    **dict.fromkeys(("ft", "foot", "feet", "international foot", "international feet"), _FOOT),
    **dict.fromkeys(("us ft", "ft us", "ftus", "usft", "us foot", "us feet", "foot us"), _US_FOOT),
    **dict.fromkeys(("us survey foot", "us survey feet", "survey foot", "survey feet"), _US_FOOT),
    **dict.fromkeys(("mm", "millimetre", "millimeter", "millimetres", "millimeters"), 0.001),
    **dict.fromkeys(("cm", "centimetre", "centimeter", "centimetres", "centimeters"), 0.01),
    **dict.fromkeys(("dm", "decimetre", "decimeter", "decimetres", "decimeters"), 0.1),
    **dict.fromkeys(("km", "kilometre", "kilometer", "kilometres", "kilometers"), 1000.0),
}
"""Name in lower case -> size; metres and names of other things are not in it."""


def unit_m(name: str | None) -> float:
    """The size in metres of a unit of length; 1 for metres and for any other name."""
    words = (name or "").lower().replace("_", " ").replace("-", " ").split()
    return _METRES.get(" ".join(words), 1.0)
