"""GDAL's environment variables as options. The caller passes the mapping; this module reads no environment.

Source: https://gdal.org/en/stable/user/virtual_file_systems.html; the AWS_ variables that boto3 reads are left to it.
"""

import re
from collections.abc import Mapping
from typing import Final

from cogread.errors import SettingError
from cogread.sources.protocol import SourceOptions

_TRUE: Final = ("1", "yes", "true", "on")
_FALSE: Final = ("0", "no", "false", "off")

_FIRST_READ: Final = ("COG_INGESTED_BYTES_AT_OPEN", "GDAL_INGESTED_BYTES_AT_OPEN")
"""COGDumper's name, then GDAL's."""
_MOST_FIRST_READ_BYTES: Final = 1 << 30


def options_from_environment(scheme: str, environ: Mapping[str, str]) -> SourceOptions:
    """Options of the sources of a scheme.

    Raises:
        SettingError: a switch is neither on nor off.
    """
    if scheme != "s3":
        return SourceOptions()
    hosting = environ.get("AWS_VIRTUAL_HOSTING")
    endpoint = environ.get("AWS_S3_ENDPOINT")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'https' if flag(environ, 'AWS_HTTPS', default=True) else 'http'}://{endpoint}"
    return SourceOptions(
        endpoint_url=endpoint or None,
        region=environ.get("AWS_REGION") or None,
        anonymous=flag(environ, "AWS_NO_SIGN_REQUEST", default=False),
        request_payer=environ.get("AWS_REQUEST_PAYER", "").lower() == "requester",
        virtual_hosting=None if not hosting else flag(environ, "AWS_VIRTUAL_HOSTING", default=True),
    )


def first_read_bytes(environ: Mapping[str, str], default: int) -> int:
    """Size of the first read of a file, ideally the whole header.

    Raises:
        SettingError: the value is no number, or out of bounds.
    """
    for name in _FIRST_READ:
        text = environ.get(name)
        if text:
            if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= _MOST_FIRST_READ_BYTES:
                raise SettingError(f"{name}: found {text!r}, wanted a number from 1 to {_MOST_FIRST_READ_BYTES}")
            return int(text)
    return default


def flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A switch in GDAL's spellings.

    Raises:
        SettingError: the value is neither on nor off.
    """
    text = (environ.get(name) or "").lower()
    if not text:
        return default
    if text not in _TRUE + _FALSE:
        raise SettingError(f"{name}: found {text!r}, wanted YES or NO")
    return text in _TRUE
