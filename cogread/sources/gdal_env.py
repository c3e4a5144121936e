"""GDAL's environment variables as options. The caller passes the mapping; this module reads no environment.

Source: https://gdal.org/en/stable/user/virtual_file_systems.html; the AWS_ variables that boto3 reads
are left to it, as those of application default credentials are to Google's package.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
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
    make = _OPTIONS.get(scheme)
    return make(environ) if make is not None else SourceOptions()


def _s3(environ: Mapping[str, str]) -> SourceOptions:
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


def _google(environ: Mapping[str, str]) -> SourceOptions:
    return SourceOptions(
        endpoint_url=environ.get("CPL_GS_ENDPOINT") or None,
        access_key_id=environ.get("GS_ACCESS_KEY_ID") or None,
        secret_access_key=environ.get("GS_SECRET_ACCESS_KEY") or None,
        anonymous=flag(environ, "GS_NO_SIGN_REQUEST", default=False),
        user_project=environ.get("GS_USER_PROJECT") or None,
    )


def _azure(environ: Mapping[str, str]) -> SourceOptions:
    anonymous = flag(environ, "AZURE_NO_SIGN_REQUEST", default=False)
    text = environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if text:
        return replace(_connection(text), anonymous=anonymous)
    return SourceOptions(
        endpoint_url=environ.get("CPL_AZURE_ENDPOINT") or None,
        account=environ.get("AZURE_STORAGE_ACCOUNT") or None,
        bearer_token=environ.get("AZURE_STORAGE_ACCESS_TOKEN") or None,
        access_key=environ.get("AZURE_STORAGE_ACCESS_KEY") or None,
        sas_token=environ.get("AZURE_STORAGE_SAS_TOKEN") or None,
        anonymous=anonymous,
    )


def _connection(text: str) -> SourceOptions:
    """The options of a connection string, as the portal of Azure shows it."""
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    account, key, sas = (parts.get(name) or None for name in ("AccountName", "AccountKey", "SharedAccessSignature"))
    endpoint = parts.get("BlobEndpoint")
    if not endpoint and account:
        suffix = parts.get("EndpointSuffix") or "core.windows.net"
        endpoint = f"{parts.get('DefaultEndpointsProtocol') or 'https'}://{account}.blob.{suffix}"
    if not endpoint or (key and not account):
        raise SettingError("AZURE_STORAGE_CONNECTION_STRING: found no AccountName and no BlobEndpoint in it")
    return SourceOptions(endpoint_url=endpoint, account=account, access_key=key, sas_token=sas)


_OPTIONS: Final = {"s3": _s3, "gs": _google, "az": _azure}
"""Scheme -> its options."""


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
