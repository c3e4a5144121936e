"""Citations of GeoKeys into which GDAL, Esri and ERDAS IMAGINE write facts: `LUnits = feet|`, `Datum = D_WGS_1984|`.

GDAL (frmts/gtiff/gt_citation.cpp) uses them where there is no code, and a linear unit always.
"""

import re
from typing import Final

_FIELDS: Final = ("PCS Name", "LUnits", "GCS Name", "Datum", "Ellipsoid", "Primem", "AUnits")
_IMAGINE: Final = "imagine geotiff support"
_IMAGINE_FIELDS: Final = {"Projection Name": "PCS Name", "Units": "LUnits", "Datum": "Datum", "Ellipsoid": "Ellipsoid"}
"""Field of an IMAGINE citation, a line each -> its name in GDAL's own citations."""
_IMAGINE_END: Final = re.compile(r"\n|NAD = |Datum = |Ellipsoid = |Units = ")
_MAX_CHARS: Final = 511
"""Characters that GDAL reads."""
_WEB_MERCATOR: Final = ("wgs84pseudomercator", "wgs84webmercator", "wgs1984webmercator")
_WEB_MERCATOR_IN_METRES: Final = ("google maps global mercator", "wgs_1984_web_mercator")
_WEB_MERCATOR_ALIAS: Final = "wgs_1984_web_mercator_auxiliary_sphere"


def fields(citation: str | None) -> dict[str, str]:
    """Read the fields of a citation, under GDAL's names for them; {} of a plain text."""
    text = (citation or "")[:_MAX_CHARS]
    return _imagine(text) if text.lower().startswith(_IMAGINE) else _marked(text)


def plain_name(citation: str) -> str:
    """Read the name in a citation, without the marks of GDAL and ERDAS IMAGINE around it."""
    text = citation[:_MAX_CHARS]
    if text.lower().startswith(_IMAGINE):
        return _imagine(text).get("PCS Name") or " ".join(text.rpartition("$")[2].split()) or citation[: len(_IMAGINE)]
    marked = _marked(text)
    return marked.get("PCS Name") or marked.get("GCS Name") or citation.partition("|")[0].strip()


def names_web_mercator(name: str) -> bool:
    """True if GDAL or PROJ (io.cpp) takes any projected CRS of this name for that of web maps.

    Writers that could not express its method wrote it as a Mercator projection with a telling name.
    """
    plain = "".join(char for char in name.lower() if char.isalnum())
    return names_web_mercator_in_metres(name) or plain in _WEB_MERCATOR or name.lower() == _WEB_MERCATOR_ALIAS


def names_web_mercator_in_metres(name: str) -> bool:
    """True if GDAL takes a CRS of this name for that of web maps in metres, whatever its unit."""
    return name.lower() in _WEB_MERCATOR_IN_METRES


def _marked(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in text.split("|"):
        for name in _FIELDS:
            if f"{name} = " in part:
                values.setdefault(name, part[len(name) + 3 :].strip())
    return values


def _imagine(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for field, name in _IMAGINE_FIELDS.items():
        _, mark, rest = text.partition(f"{field} = ")
        value = _IMAGINE_END.split(rest, maxsplit=1)[0].strip()
        if mark and value:
            values[name] = value
    return values
