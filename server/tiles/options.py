"""Options of a representation by the query and Accept-Encoding. Unknown keys are ignored."""

import re
from typing import Final
from urllib.parse import parse_qs

from cogread.image import Level
from cogread.wrap import Options
from server.http.errors import BadRequest
from server.http.reply import accepts_coding

_NUMBER: Final = re.compile(r"[0-9]{1,6}")


def options_of(query: str, accept_encoding: str | None, level: Level, coding: str) -> Options:
    """Parse the options of a request for a representation with options.

    Args:
        query: query of the URL, undecoded.
        accept_encoding: header of the request.
        level: level of the tile.
        coding: content coding of the stored bytes.

    Raises:
        BadRequest: a value is invalid.
    """
    try:
        values = parse_qs(query, keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise BadRequest(f"query: {error}") from error
    is_plain = "predictor" in values
    if is_plain and values["predictor"] != ["none"]:
        raise BadRequest(f"predictor={values['predictor'][-1][:20]!r}: wanted none, or no such key")
    is_identity = is_plain or (coding != "identity" and not accepts_coding(accept_encoding, coding))
    return Options(_plane(values.get("band", ["1"])[-1], level.image.planes), is_identity, is_plain)


def _plane(text: str, planes: int) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= planes:
        wanted = f"1 to {planes}" if planes > 1 else "1, for the bands of a tile are stored together"
        raise BadRequest(f"band={text[:20]!r}: wanted {wanted}")
    return int(text) - 1
