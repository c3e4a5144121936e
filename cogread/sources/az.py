"""A source in Azure Blob Storage (https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api).

Strategy: one of a bearer token, the key of the account ("Shared Key"), a shared access signature, or nothing.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from hmac import digest
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from cogread.deadline import Deadline
from cogread.errors import SourceForbidden
from cogread.sources.bucket import BucketSource, Place
from cogread.sources.protocol import SourceOptions
from cogread.sources.token import Token, bearer, token_of_machine
from cogread.sources.uri import SourceUri

_VERSION: Final = "2021-12-02"
"""Version of the service: the first with names in lists that XML cannot hold, and with today's signatures of URLs."""
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}(-secondary)?")
_SIGNED: Final = (
    *("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date"),
    *("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"),
)
"""Headers in a signature, by their order, whether a request has them or not."""


@dataclass(frozen=True, slots=True)
class AzureStore:
    """A `Store`: the blobs of an account."""

    endpoint: str
    account: str
    key: bytes | None = field(default=None, repr=False)
    sas: str = field(default="", repr=False)
    """Query of a shared access signature."""
    token: Token | str | None = field(default=None, repr=False)
    ca_bundle: str | None = None

    def url_of(self, bucket: str, key: str) -> str:
        """See `Store.url_of`."""
        return self._url(f"{bucket}/{quote(key, safe='/~')}", "")

    def url_of_list(self, bucket: str, prefix: str, after: str) -> str:
        """See `Store.url_of_list`."""
        query = {"comp": "list", "marker": after, "prefix": prefix, "restype": "container"}
        return self._url(bucket, urlencode({name: query[name] for name in query if query[name]}, quote_via=quote))

    def sign(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> Mapping[str, str]:
        """See `Store.sign`."""
        dated = {**headers, "x-ms-date": formatdate(usegmt=True), "x-ms-version": _VERSION}
        if self.token is not None:
            return {**dated, **bearer(self.token, deadline)}
        if self.key is None:
            return dated
        place = urlsplit(url)
        query = [f"{name.lower()}:{value}" for name, value in sorted(parse_qsl(place.query, keep_blank_values=True))]
        own = [f"{name}:{dated[name]}" for name in ("x-ms-date", "x-ms-version")]
        text = ["GET", *(dated.get(name, "") for name in _SIGNED), *own, f"/{self.account}{place.path}", *query]
        return {**dated, "Authorization": f"SharedKey {self.account}:{self._signature(text)}"}

    def presign(self, url: str, ttl_s: int) -> str:
        """See `Store.presign`; a service SAS, which the key of the account signs."""
        if self.key is None:
            if self.token is not None or self.sas:
                raise SourceForbidden("only the key of the account signs URLs")
            return url
        blob = unquote(url.removeprefix(self.endpoint))
        expiry = (datetime.now(UTC) + timedelta(seconds=ttl_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        protocol = "https" if url.startswith("https:") else "https,http"
        named = ["r", "", expiry, f"/blob/{self.account}{blob}", "", "", protocol, _VERSION, "b", *[""] * 7]
        query = {"sv": _VERSION, "spr": protocol, "se": expiry, "sr": "b", "sp": "r", "sig": self._signature(named)}
        return f"{url}?{urlencode(query)}"

    def _signature(self, lines: list[str]) -> str:
        return b64encode(digest(self.key or b"", "\n".join(lines).encode(), "sha256")).decode()

    def _url(self, path: str, query: str) -> str:
        queries = "&".join(filter(None, (query, self.sas)))
        return f"{self.endpoint}/{path}" + (f"?{queries}" if queries else "")


class AzureSource(BucketSource[AzureStore]):
    """A blob."""

    def _find_place(self) -> Place[AzureStore]:
        return self._place_in(_store_of(self._options))


def _store_of(options: SourceOptions) -> AzureStore:
    account, endpoint = options.account or "", (options.endpoint_url or "").rstrip("/")
    if not _ACCOUNT.fullmatch(account) and (account or options.access_key or not endpoint):
        shown = f"the account {account[:24]!r}" if account else "no account"
        raise SourceForbidden(f"found {shown}, wanted the name of a storage account, as AZURE_STORAGE_ACCOUNT")
    endpoint = endpoint or f"https://{account}.blob.core.windows.net"
    account = account.removesuffix("-secondary")  # signatures have the name of the account alone
    if options.anonymous:
        return AzureStore(endpoint, account)
    if options.bearer_token is not None:
        return AzureStore(endpoint, account, token=options.bearer_token)
    if options.access_key is not None:
        return AzureStore(endpoint, account, key=_key(options.access_key))
    if options.sas_token is not None:
        return AzureStore(endpoint, account, sas=options.sas_token.removeprefix("?"))
    return AzureStore(endpoint, account, token=token_of_machine("az"))


def _key(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        raise SourceForbidden("the key of the account is not the base64 that Azure shows") from None


def make(uri: SourceUri, options: SourceOptions) -> AzureSource:
    """Make the source of an `az` URI."""
    return AzureSource(uri, options)
