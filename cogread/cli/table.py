"""The description of a COG as text for a terminal of 80 columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from cogread.facts import BandFacts, Description, FileFacts, GeoFacts

_MAX_BANDS: Final = 16
"""Bands that are listed."""


def table(description: Description) -> str:
    """Format a description as lines of text."""
    lines = (*_pairs(description), "", *_levels(description), "", *_formats(description))
    return "".join(f"{printable(line)}\n" for line in lines)


def printable(text: str) -> str:
    """Escape control characters: names in a file or from a server must not steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _pairs(description: Description) -> Iterable[str]:
    file, image, geo = description.file, description.image, description.geo
    rows = {
        "file": file.name,
        "size": f"{file.size_bytes:,} bytes, {file.layout}, {file.byte_order}",
        "version": f"{file.version} ({_origin_version(file)})",
        "image": f"{image.width} x {image.height}, {image.bands} x {image.dtype}, {image.interleave} interleaved",
        "stored as": f"{image.compression}, photometric {image.photometric}, predictor {image.predictor}",
        "nodata": "none" if image.nodata is None else str(image.nodata),
        "bands": _bands(description.bands),
        **_stated_bands(description.bands),
        "CRS": " ".join(filter(None, (geo.code, geo.crs))) or "none",
        **({"heights": geo.vertical} if geo.vertical else {}),
        **({"no CRS": geo.no_crs} if geo.no_crs else {}),
        **_place(geo),
    }
    return (f"{name:<11} {value}" for name, value in rows.items())


def _bands(bands: tuple[BandFacts, ...]) -> str:
    return ", ".join(
        [*(band.color_interpretation for band in bands[:_MAX_BANDS]), *(["…"] if len(bands) > _MAX_BANDS else [])]
    )


def _stated_bands(bands: tuple[BandFacts, ...]) -> dict[str, str]:
    """All that the file states of its bands beside their colours."""
    rows: dict[str, str] = {}
    for number, band in enumerate(bands[:_MAX_BANDS], 1):
        texts = {"scale": band.scale, "offset": band.offset, "unit": band.unit, "description": band.description}
        stated = ", ".join(f"{name} {text}" for name, text in texts.items() if text is not None)
        if stated:
            rows[f"band {number}"] = stated
    return rows


def _origin_version(file: FileFacts) -> str:
    """The ETag or modification time that the origin states; `Version.modified` of a file begins with nanoseconds."""
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


def _levels(description: Description) -> Iterator[str]:
    rows = [("level", "size", "tile", "grid", "codec", "mask", "factor")]
    for level in description.levels:
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
    return columns(rows)


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align the cells of rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _formats(description: Description) -> Iterator[str]:
    yield f"formats     {', '.join(description.formats) or 'none'}"
    for extension, reason in description.not_offered.items():
        yield f"  no {extension:<6} {reason}"
