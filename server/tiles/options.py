"""Options of a representation by the query and Accept-Encoding: of samples, and the encoding of terrain.

Each has one spelling, without percent-encoding; of several values the last counts. Other keys are ignored.
"""

import re
from typing import Final
from urllib.parse import unquote_plus

from cogread.image import Image
from cogread.wrap import CODINGS, TERRAIN, Options, Wrapper
from cogread.wrap.bin.wrapper import SAMPLES
from server.http.errors import BadRequest
from server.http.reply import accepted_codings
from server.tiles.request import TIME

SAMPLES_SUFFIX: Final = f".{SAMPLES.extension}"
"""End of the paths of tiles whose options do not depend on the query alone."""
_TIME: Final = re.compile(rf"(?:^|&){TIME}=([^&]*)")
_TERRAIN_SUFFIX: Final = ".png"
_OPTION: Final = re.compile(r"(?:^|&)(band|encoding|predictor)=([^&]*)")
_NUMBER: Final = re.compile(r"[0-9]{1,6}")


def cache_key(path: str, query: str, accept_encoding: str | None) -> str:
    """The path of a tile as a key of caches, behind all options that its format has.

    Options do not begin with a slash, so no path is taken for a key with options. Invalid ones are never cached.
    """
    if path.endswith(SAMPLES_SUFFIX):
        options, codings = _options(query), accepted_codings(accept_encoding, CODINGS)
        return f"{(options.get('band'), options.get('predictor'), codings)}{path}"
    encoding = _options(query).get("encoding") if path.endswith(_TERRAIN_SUFFIX) else None
    return path if encoding is None else f"{encoding if encoding in TERRAIN else 'unknown'}{path}"


def terrain_format(query: str) -> str | None:
    """The name of the format that a query for a `png` asks for; None: no terrain.

    Raises:
        BadRequest: there is no such encoding.
    """
    encoding = _options(query).get("encoding")
    return None if encoding is None else named_terrain(encoding).extension


def named_terrain(encoding: str) -> Wrapper:
    """The format of an encoding.

    Raises:
        BadRequest: there is no such encoding.
    """
    if encoding not in TERRAIN:
        raise BadRequest(f"encoding={encoding[:20]!r}: wanted one of: {', '.join(TERRAIN)}")
    return TERRAIN[encoding]


def time_of(query: str) -> str:
    """The time that a query names; empty: the latest."""
    match = _TIME.search(query)
    return "" if match is None else unquote_plus(match[1])


def options_of(query: str, accept_encoding: str | None, image: Image) -> Options:
    """Read the options of a request for samples.

    Args:
        query: query of the URL, undecoded.
        accept_encoding: header of the request.
        image: image of the tile's level.

    Raises:
        BadRequest: a value is invalid.
    """
    options = _options(query)
    predictor, band = options.get("predictor"), options.get("band")
    if predictor not in (None, "none"):
        raise BadRequest(f"predictor={predictor[:20]!r}: wanted none, or no such key")
    number = None if band is None else _band(band, image.samples)
    return Options(number, predictor is not None, accepted_codings(accept_encoding, CODINGS))


def _options(query: str) -> dict[str, str]:
    return dict(_OPTION.findall(query))


def _band(text: str, bands: int) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= bands:
        raise BadRequest(f"band={text[:20]!r}: wanted 1 to {bands}")
    return int(text) - 1
