"""Signatures of GETs for S3, in the header or the query (AWS IAM user guide, "Create a signed AWS API request").

The signer of botocore, which makes the same signatures, takes three times the CPU of all the rest of a read.
"""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from cogread.sources.http_client.url import split_url

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_NO_BODY: Final = sha256().hexdigest()


class Credentials(Protocol):
    """Credentials at an instant, as `get_frozen_credentials` of botocore returns them."""

    access_key: str
    secret_key: str
    token: str | None


class _Target(NamedTuple):
    """The parts of a URL that are signed."""

    host: str
    path: str
    query: str


def sign(url: str, headers: Mapping[str, str], credentials: Credentials, region: str) -> dict[str, str]:
    """The headers of a GET with those of a signature of this instant.

    Args:
        url: of the object or list, quoted; its path and query are sent as they are here.
        headers: those that are signed; the Host is too.
        credentials: of the account.
        region: of the bucket.
    """
    timestamp = strftime("%Y%m%dT%H%M%SZ", gmtime())
    sent = {**headers, "X-Amz-Date": timestamp, "X-Amz-Content-SHA256": _NO_BODY}
    if credentials.token:
        sent["X-Amz-Security-Token"] = credentials.token
    target = _target(url)
    fields = sorted([("host", target.host), *[(name.lower(), " ".join(sent[name].split())) for name in sent]])
    names = ";".join([name for name, _ in fields])
    lines = "".join([f"{name}:{value}\n" for name, value in fields])
    scope = f"{timestamp[:8]}/{region}/s3/aws4_request"
    canonical = f"GET\n{target.path}\n{target.query}\n{lines}\n{names}\n{_NO_BODY}"
    signature = _signature(canonical, timestamp, scope, credentials.secret_key)
    sent["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent


def sign_query(url: str, credentials: Credentials, region: str, ttl_s: int) -> str:
    """The URL with a signature in its query, for GETs within `ttl_s` from now."""
    timestamp = strftime("%Y%m%dT%H%M%SZ", gmtime())
    scope = f"{timestamp[:8]}/{region}/s3/aws4_request"
    fields = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": f"{ttl_s}",
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token:
        fields["X-Amz-Security-Token"] = credentials.token
    signed = f"{url}{'&' if '?' in url else '?'}{urlencode(fields, quote_via=quote, safe='')}"
    target = _target.__wrapped__(signed)
    canonical = f"GET\n{target.path}\n{target.query}\nhost:{target.host}\n\nhost\nUNSIGNED-PAYLOAD"
    return f"{signed}&X-Amz-Signature={_signature(canonical, timestamp, scope, credentials.secret_key)}"


def _signature(canonical: str, timestamp: str, scope: str, secret_key: str) -> str:
    text = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    return _hmac(_key(secret_key, *scope.split("/")[:2]), text).hex()


@lru_cache(maxsize=1024)
def _target(url: str) -> _Target:
    origin, _, _, target = split_url(url)
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    path, _, query = target.partition("?")
    pairs = sorted(pair.partition("=") for pair in query.split("&")) if query else []
    return _Target(
        host if origin.has_default_port else f"{host}:{origin.port}",
        path,
        "&".join(f"{name}={value}" for name, _, value in pairs),
    )


@lru_cache(maxsize=64)
def _key(secret_key: str, day: str, region: str) -> bytes:
    """The key of a day's signatures."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), sha256)
