"""The facts of a COG as text for a terminal of 80 columns."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from cogread.cli.facts import BandFacts, Facts, FileFacts, GeoFacts

_MOST: Final = 16
"""Bands that are described."""


def table(known: Facts) -> str:
    """The facts as lines of text."""
    lines = (*_pairs(known), "", *_levels(known), "", *_formats(known))
    return "".join(f"{printable(line)}\n" for line in lines)


def printable(text: str) -> str:
    """Without control characters: names in a file or from a server must not steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _pairs(known: Facts) -> Iterable[str]:
    file, image, geo = known.file, known.image, known.geo
    rows = {
        "file": file.name,
        "size": f"{file.size_bytes:,} bytes, {file.layout}, {file.byte_order}",
        "version": f"{file.version} ({_origin_version(file)})",
        "image": f"{image.width} x {image.height}, {image.bands} x {image.dtype}, {image.interleave} interleaved",
        "stored as": f"{image.compression}, photometric {image.photometric}, predictor {image.predictor}",
        "nodata": "none" if image.nodata is None else str(image.nodata),
        "bands": _bands(known.bands),
        **{f"band {number}": stated for number, band in enumerate(known.bands[:_MOST], 1) if (stated := _stated(band))},
        "CRS": " ".join(filter(None, (geo.code, geo.crs))) or "none",
        **({"heights": geo.vertical} if geo.vertical else {}),
        **({"no CRS": geo.no_crs} if geo.no_crs else {}),
        **_place(geo),
    }
    return (f"{name:<11} {value}" for name, value in rows.items())


def _bands(bands: tuple[BandFacts, ...]) -> str:
    return ", ".join([*(band.color_interpretation for band in bands[:_MOST]), *(["…"] if len(bands) > _MOST else [])])


def _stated(band: BandFacts) -> str:
    """All that the file states of a band beside its colour."""
    texts = {"scale": band.scale, "offset": band.offset, "unit": band.unit, "description": band.description}
    return ", ".join(f"{name} {text}" for name, text in texts.items() if text is not None)


def _origin_version(file: FileFacts) -> str:
    """What the origin said; of a file the modification time out of `Version.modified`."""
    local = re.fullmatch(r"(\d+)\d{9}-\d+", file.modified or "")
    modified = datetime.fromtimestamp(int(local[1]), UTC).isoformat() if local else file.modified
    return f"ETag {file.etag}" if file.etag else f"modified {modified}"


def _place(geo: GeoFacts) -> dict[str, str]:
    if geo.transform is None or geo.bounds is None:
        return {"bounds": "none, the file has no transform"}
    x0, dx, rx, y0, ry, dy = geo.transform
    rows = {
        "origin": _numbers(x0, y0),
        "pixel size": _numbers(dx, dy) + (f", rotated by {_numbers(rx, ry)}" if rx or ry else ""),
        "bounds": _numbers(*geo.bounds),
    }
    return rows | ({"WGS 84": _numbers(*geo.wgs84_bounds)} if geo.wgs84_bounds else {})


def _numbers(*numbers: float) -> str:
    return ", ".join(f"{number:.10g}" for number in numbers)


def _levels(known: Facts) -> Iterator[str]:
    rows = [("level", "size", "tile", "grid", "codec", "mask", "factor")]
    for level in known.levels:
        rows.append(
            (
                str(level.level),
                f"{level.width} x {level.height}",
                f"{level.tile_width} x {level.tile_height}",
                f"{level.tiles_across} x {level.tiles_down}",
                level.compression,
                level.mask or "no",
                f"{level.factor:.4g}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _formats(known: Facts) -> Iterator[str]:
    yield f"formats     {', '.join(known.formats) or 'none'}"
    for extension, reason in known.not_offered.items():
        yield f"  no {extension:<6} {reason}"
