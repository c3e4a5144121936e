"""Documents about layers: JSON, TileJSON, OGC API, WMTS, TMS, GDAL's XML, and the summaries behind lists and pages."""

from typing import Any

Json = dict[str, Any]
"""A JSON object."""

__all__ = ["Json"]
