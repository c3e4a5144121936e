"""The query of a URL without the credentials in it, for keys of caches and for the log."""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(r"(?:^|(?<=&))(?:expires|signature|token)=[^&]*(?:&|$)", re.IGNORECASE)


def without_credentials(query: str) -> str:
    """The other pairs of an undecoded query, as they are spelled."""
    return _CREDENTIALS.sub("", query).removesuffix("&")
