"""Summaries of layer versions: all that lists say of a layer, in little memory and without the server's base URL."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from cogread.crs.lookup import crs_of
from cogread.errors import CogError
from cogread.refusal import Refusal
from cogread.wrap.bin.wrapper import SAMPLES
from server.documents.ogc.collections import tilesets_item
from server.documents.ogc.item import TilesetsItem
from server.documents.preview import Preview, is_picture, preview_of
from server.documents.tms import tms_refusal
from server.documents.wmts.layer import layer_part
from server.documents.wmts.names import LayerPart
from server.documents.wmts.update_sequence import written_at_s
from server.http.errors import ServerError
from server.layers.layer import Layer
from server.layers.layer_version import IMAGE, LayerVersion
from server.resilience.layer_fault import one_layer

T = TypeVar("T")


class Summary(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A layer version in lists."""

    path: str
    """Beginning of the URLs of its tiles, below the server's base URL."""
    written_at_s: int
    """Instant at which the file was written, in seconds since the epoch; 0: the origin does not tell."""
    width: int
    """Pixels, in full resolution."""
    height: int
    bands: int
    dtype: str
    crs: str | None
    """Code of the CRS, else its name; None: there is no CRS, or it has neither."""
    crs_name: str | None
    formats: tuple[str, ...]
    """Extensions that some level at least is offered as."""
    preview: Preview | None
    """Stored pictures; None: there are none, or browsers draw the samples."""
    has_samples: bool
    """Browsers draw a layer of values from its samples."""
    has_tile_map: bool
    """It is among the maps of TMS."""
    wmts: LayerPart | None
    """Its part of the WMTS capabilities; None: it is not in them."""
    wmts_refusal: str | None
    """The reason for that."""
    tilesets: TilesetsItem | None
    """Its items of OGC API lists; None: it has no tilesets."""
    is_complete: bool
    """False: `wmts` or `tilesets` is missing because of a fault."""


def summarize(layer: Layer, opened: LayerVersion) -> Summary:
    """Summarize a layer version. A fault in a part that one service alone needs costs that part."""
    image = opened.cog.full
    offered = tuple(extension for extension, reason in opened.refusals(IMAGE).items() if reason is None)
    crs, is_crs_complete = _part(layer, opened, _crs_names)
    wmts, is_wmts_complete = _part(layer, opened, layer_part)
    tilesets, are_tilesets_complete = _part(layer, opened, tilesets_item)
    return Summary(
        path=layer.versioned_path(opened),
        written_at_s=written_at_s(opened.cog.version.modified),
        width=image.width,
        height=image.height,
        bands=image.samples,
        dtype=image.dtype,
        crs=None if isinstance(crs, Refusal) else crs[0] or crs[1],
        crs_name=None if isinstance(crs, Refusal) else crs[1],
        formats=offered,
        preview=preview_of(opened),
        has_samples=SAMPLES.extension in offered and not is_picture(opened),
        has_tile_map=tms_refusal(opened) is None,
        wmts=None if isinstance(wmts, Refusal) else wmts,
        wmts_refusal=wmts.reason if isinstance(wmts, Refusal) else None,
        tilesets=None if isinstance(tilesets, Refusal) else tilesets,
        is_complete=is_crs_complete and is_wmts_complete and are_tilesets_complete,
    )


def _crs_names(_: Layer, opened: LayerVersion) -> tuple[str | None, str | None] | Refusal:
    """Code and name of the CRS."""
    crs = crs_of(opened.cog.geo, opened.resolver)
    return (None, opened.cog.geo.name) if crs is None else (crs.code, crs.name)


def _part(
    layer: Layer, opened: LayerVersion, write: Callable[[Layer, LayerVersion], T | Refusal]
) -> tuple[T | Refusal, bool]:
    """A part; False: it is missing because of a fault."""
    try:
        with one_layer(layer.config.name):
            return write(layer, opened), True
    except (CogError, ServerError) as error:
        return Refusal(str(error)), False
