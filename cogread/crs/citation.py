"""Citations of GeoKeys in which GDAL, Esri and ERDAS IMAGINE hide facts: `LUnits = feet|`, `Datum = D_WGS_1984|`.

GDAL (frmts/gtiff/gt_citation.cpp) goes by them where no code stands in their place, and by a linear unit always.
"""

import re
from typing import Final

_FIELDS: Final = ("PCS Name", "LUnits", "GCS Name", "Datum", "Ellipsoid", "Primem", "AUnits")
_IMAGINE: Final = "imagine geotiff support"
_IMAGINE_FIELDS: Final = {"Projection Name": "PCS Name", "Units": "LUnits", "Datum": "Datum", "Ellipsoid": "Ellipsoid"}
"""Field of an IMAGINE citation, a line each -> its name in GDAL's own citations."""
_IMAGINE_END: Final = re.compile(r"\n|NAD = |Datum = |Ellipsoid = |Units = ")
_LONGEST: Final = 511
"""Characters that GDAL reads."""
_WEB_MERCATOR: Final = ("wgs84pseudomercator", "wgs84webmercator", "wgs1984webmercator")
_WEB_MERCATOR_IN_METRES: Final = ("google maps global mercator", "wgs_1984_web_mercator")
_WEB_MERCATOR_ALIAS: Final = "wgs_1984_web_mercator_auxiliary_sphere"


def fields(citation: str | None) -> dict[str, str]:
    """The fields of a citation by their names in GDAL's own; {} of a plain text."""
    text = (citation or "")[:_LONGEST]
    return _imagine(text) if text.lower().startswith(_IMAGINE) else _marked(text)


def plain_name(citation: str) -> str:
    """The name within a citation, without what GDAL and ERDAS IMAGINE put around it."""
    text = citation[:_LONGEST]
    if text.lower().startswith(_IMAGINE):
        return _imagine(text).get("PCS Name") or " ".join(text.rpartition("$")[2].split()) or citation[: len(_IMAGINE)]
    found = _marked(text)
    return found.get("PCS Name") or found.get("GCS Name") or citation.partition("|")[0].strip()


def names_web_mercator(name: str) -> bool:
    """Whether GDAL or PROJ (io.cpp) takes any projected CRS of this name for that of web maps.

    Writers that could not express its method wrote it as a Mercator projection with a telling name.
    """
    plain = "".join(char for char in name.lower() if char.isalnum())
    return names_it_in_metres(name) or plain in _WEB_MERCATOR or name.lower() == _WEB_MERCATOR_ALIAS


def names_it_in_metres(name: str) -> bool:
    """Whether GDAL takes a CRS of this name for that of web maps in metres, whatever its unit."""
    return name.lower() in _WEB_MERCATOR_IN_METRES


def _marked(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("|"):
        for name in _FIELDS:
            if f"{name} = " in part:
                found.setdefault(name, part[len(name) + 3 :].strip())
    return found


def _imagine(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, name in _IMAGINE_FIELDS.items():
        _, mark, rest = text.partition(f"{field} = ")
        value = _IMAGINE_END.split(rest, maxsplit=1)[0].strip()
        if mark and value:
            found[name] = value
    return found
