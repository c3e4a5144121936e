"""Problems of a file that is to be served, each with the options of GDAL that mend it.

A check is a generator of problems from a `Sample`: the parsed header and one stored tile. `CHECKS` lists them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from cogread.conversion import cog_line
from cogread.crs.lookup import crs_of, why_no_crs
from cogread.crs.web_mercator import is_web_mercator
from cogread.errors import TileDamaged
from cogread.image import Cog, Image
from cogread.jpeg_stream import head
from cogread.metadata.nodata import nodata_of
from cogread.tiff.fields import BIG
from cogread.tiff.parse import FIRST_READ_BYTES
from cogread.tiff.tags import Compression, Photometric
from cogread.wrap import PICTURES, refusals
from server.cli.predictor import predicted_ratio
from server.documents.alignment import misfit
from server.layers.file_grids import grids_of

Grade = Literal["error", "problem", "note"]
"""Not served; slow, or not shown as it is meant; a remark."""

MAX_LAST_LEVEL_PX: Final = 1024
"""Longest side of the coarsest level."""
TILE_SIDES: Final = (128, 256, 512, 1024)
MAX_CLASSIC_BYTES: Final = 2 << 30
"""Size below which a file certainly need not be a BigTIFF."""
MAX_RATIO: Final = 0.6
"""Part of the bytes that a predictor may leave to be worth a note."""

_WARP: Final = "gdalwarp -overwrite -dstalpha -wo UNIFIED_SRC_NODATA=YES"
"""Makes alpha of pixels that are nodata in all bands."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem, and the line that mends it."""

    code: str
    grade: Grade
    text: str
    command: str | None
    """None: GDAL cannot know what is missing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The part of a file that the checks look at."""

    cog: Cog
    tile: bytes | None
    """A stored tile of the full resolution; None: it is sparse, or too large."""
    data_start: int | None
    """Offset of the first stored tile that was looked for; None: all were sparse."""
    options: dict[str, str] = field(default_factory=dict)
    """Creation options that keep what the file has."""
    wants_web_maps: bool = False
    """Check the alignment to web maps in any CRS."""

    def line(self, program: str = "gdal_translate", **changes: str) -> str:
        """The line that writes the file with these options changed; one without a value is left out."""
        options = {**self.options, **changes}
        return cog_line({key: value for key, value in options.items() if value}, program)


def problems_of(sample: Sample) -> list[Problem]:
    """All problems of a file that can be opened."""
    return [problem for check in CHECKS for problem in check(sample)]


def _overviews(sample: Sample) -> Iterator[Problem]:
    levels = sample.cog.levels
    last = levels[-1].image
    if max(last.width, last.height) > MAX_LAST_LEVEL_PX:
        size = f"{last.width} x {last.height} px"
        text = f"no overviews below {size}" if len(levels) > 1 else f"no overviews: the only level has {size}"
        yield Problem("overviews", "problem", text, sample.line(OVERVIEWS="IGNORE_EXISTING"))


def _layout(sample: Sample) -> Iterator[Problem]:
    images = _images(sample.cog)
    if sample.data_start is None:
        return
    behind = max(sample.data_start, FIRST_READ_BYTES)
    if any(image.directory.offset > behind for image in images):
        text = "the header is not at the front: directories lie behind tiles, so that opening takes more reads"
        yield Problem("header-behind-tiles", "problem", text, sample.line())
        return
    places = [entry.place for image in images for entry in (image.offsets, image.counts)]
    if any(place is not None and place.start > behind for place in places):
        text = "the tile index lies behind tiles, so that the first tile takes more reads"
        yield Problem("index-behind-tiles", "problem", text, sample.line())


def _tiles(sample: Sample) -> Iterator[Problem]:
    width, height = sample.cog.full.tile_width, sample.cog.full.tile_height
    if max(width, height) > TILE_SIDES[-1]:
        text = f"huge tiles of {width} x {height} px: each view loads many more pixels than it shows"
        yield Problem("huge-tiles", "problem", text, sample.line(BLOCKSIZE=""))
    elif width != height or width not in TILE_SIDES:
        text = f"odd tiles of {width} x {height} px, usual are squares of 256 or 512"
        yield Problem("odd-tiles", "note", text, sample.line(BLOCKSIZE=""))
    sides = sorted({level.image.tile_size for level in sample.cog.levels})
    if len(sides) > 1:
        text = f"tiles of unequal sizes: {', '.join(f'{across} x {down}' for across, down in sides)} px"
        yield Problem("unequal-tiles", "note", text, sample.line())


def _alignment(sample: Sample) -> Iterator[Problem]:
    reason = misfit(sample.cog, grids_of(sample.cog))
    if reason is not None and (sample.wants_web_maps or is_web_mercator(sample.cog.geo)):
        is_none = len(reason.off_levels) == len(sample.cog.levels)
        text = f"not aligned to web maps: {reason.reason}"
        yield Problem("alignment", "problem" if is_none else "note", text, reason.command)


def _jpeg(sample: Sample) -> Iterator[Problem]:
    full = sample.cog.full
    if full.compression != Compression.JPEG or full.photometric != Photometric.RGB or full.samples != 3:
        return
    text = "JPEG of RGB takes about twice the bytes of YCbCr"
    yield Problem("jpeg-not-ycbcr", "note", text, sample.line())
    try:
        stated = head(sample.tile) if sample.tile else None
    except TileDamaged:
        return
    if stated is not None and stated.adobe_transform is None:
        text = "RGB in JPEG tiles without Adobe's marker, which rawcog adds; other programs may take them for YCbCr"
        yield Problem("jpeg-rgb-unmarked", "note", text, sample.line())


def _opacity(sample: Sample) -> Iterator[Problem]:
    cog = sample.cog
    masked = [level.mask is not None for level in cog.levels]
    if any(masked) and not all(masked):
        levels = ", ".join(str(number) for number, has_mask in enumerate(masked) if not has_mask)
        text = f"no mask at levels {levels}, while others have one: pixels without data show there"
        yield Problem("mask-missing", "problem", text, sample.line(OVERVIEWS="IGNORE_EXISTING"))
    nodata = nodata_of(cog)
    is_shown = any(refusal is None for name, refusal in refusals(cog.levels).items() if name in PICTURES)
    if nodata is None or not is_shown or any(masked) or "alpha" in cog.levels[0].colors:
        return
    text = f"pixels of nodata ({nodata:g}) are opaque in pictures: the file has neither mask nor alpha"
    line = None
    if cog.full.samples == 1:
        line = sample.line("gdal_translate -mask mask -a_nodata none", OVERVIEWS="IGNORE_EXISTING")
    elif _is_upright(cog):
        line = sample.line(_WARP, OVERVIEWS="IGNORE_EXISTING")
    yield Problem("nodata-opaque", "problem", text, line)


def _big(sample: Sample) -> Iterator[Problem]:
    size = sample.cog.version.size_bytes
    if sample.cog.full.directory.layout is BIG and size < MAX_CLASSIC_BYTES:
        text = f"a BigTIFF of {size:,} bytes need not be one: its header is larger, and some programs read no BigTIFF"
        yield Problem("bigtiff", "note", text, sample.line(BIGTIFF="NO"))


def _crs(sample: Sample) -> Iterator[Problem]:
    geo = sample.cog.geo
    crs, line = crs_of(geo), sample.line("gdal_translate -a_srs EPSG:CODE")
    if crs is None:
        text = f"no CRS: {why_no_crs(geo)}"
        yield Problem("no-crs", "problem", text, None if geo.transform is None else f"{line}  # CODE: that of its CRS")
    elif crs.code is None:
        text = f"the CRS {crs.name!r} has no code: many clients need one"
        yield Problem("crs-without-code", "note", text, f"{line}  # CODE: that of its CRS, if there is one")


def _predictor(sample: Sample) -> Iterator[Problem]:
    estimate = None if sample.tile is None else predicted_ratio(sample.cog.full, sample.tile)
    if estimate is not None and estimate.ratio <= MAX_RATIO:
        text = f"a predictor would leave about {estimate.ratio:.0%} of the bytes, by one tile"
        yield Problem("predictor", "note", text, sample.line(PREDICTOR=estimate.option))


def _is_upright(cog: Cog) -> bool:
    """True if gdalwarp keeps the grid: north is up, and nothing is rotated."""
    transform = cog.geo.transform
    return transform is not None and transform[2] == transform[4] == 0 and transform[1] > 0 > transform[5]


def _images(cog: Cog) -> list[Image]:
    return [image for level in cog.levels for image in (level.image, level.mask) if image is not None]


CHECKS: Final[tuple[Callable[[Sample], Iterator[Problem]], ...]] = (
    _overviews,
    _layout,
    _tiles,
    _alignment,
    _jpeg,
    _opacity,
    _big,
    _crs,
    _predictor,
)
