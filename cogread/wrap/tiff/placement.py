"""Georeferences of tiles: that of the full resolution, moved to a level and to a tile of it."""

from dataclasses import dataclass
from typing import Final

from cogread.crs.georeference import Geotransform, GroundControlPoint
from cogread.image import Cog, Image
from cogread.tiff.fields import ByteOrder
from cogread.tiff.tags import Tag
from cogread.wrap.tiff.field import Field, doubles

MAX_POINTS: Final = 512
"""Most ground control points that each tile repeats; tiles of a file with more have no georeference and no CRS."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The georeference of a level; by default there is none."""

    transform: Geotransform | None = None
    points: tuple[GroundControlPoint, ...] = ()
    """Ground control points in pixels of the level, in place of a transform."""
    shift: float = 0.0
    """0.5 where the file's coordinates are those of pixel centres, else 0; in pixels."""

    def fields(self, order: ByteOrder, left: int, top: int) -> list[Field]:
        """Place a tile whose first pixel is at (left, top) of the level (GeoTIFF 1.1 §7.4)."""
        if self.transform is not None:
            return _transform_fields(order, self.transform, left + self.shift, top + self.shift)
        if not self.points:
            return []
        col, row = left + self.shift, top + self.shift
        numbers = [number for point in self.points for number in (point.col - col, point.row - row, 0.0, *point[2:])]
        return [doubles(order, Tag.MODEL_TIEPOINT, numbers)]


NOWHERE: Final = Placement()


def placement_of(cog: Cog, image: Image) -> Placement:
    """Stretch the georeference of the full resolution to the pixels of a level."""
    full, transform, points = cog.full, cog.geo.transform, cog.geo.points
    if transform is not None:
        across, down = full.width / image.width, full.height / image.height
        x0, dx, rx, y0, ry, dy = transform
        transform = (x0, dx * across, rx * down, y0, ry * across, dy * down)
    if len(points) > MAX_POINTS:
        points = ()
    across, down = image.width / full.width, image.height / full.height
    points = tuple(point._replace(col=point.col * across, row=point.row * down) for point in points)
    return Placement(transform, points, 0.5 if cog.geo.is_point else 0.0)


def _transform_fields(order: ByteOrder, transform: Geotransform, col: float, row: float) -> list[Field]:
    x0, dx, rx, y0, ry, dy = transform
    x, y = x0 + col * dx + row * rx, y0 + col * ry + row * dy
    if rx == ry == 0 and dx > 0 > dy:
        return [
            doubles(order, Tag.MODEL_PIXEL_SCALE, (dx, -dy, 0)),
            doubles(order, Tag.MODEL_TIEPOINT, (0, 0, 0, x, y, 0)),
        ]
    return [doubles(order, Tag.MODEL_TRANSFORMATION, (dx, rx, 0, x, ry, dy, 0, y, 0, 0, 0, 0, 0, 0, 0, 1))]
