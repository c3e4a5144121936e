"""A source in Google Cloud Storage, by its XML API (https://cloud.google.com/storage/docs/xml-api/overview).

Strategy: the API takes the requests of S3 clients (SigV4) with HMAC keys of Google. Without keys, a bearer token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from cogread.deadline import Deadline
from cogread.errors import SourceForbidden
from cogread.sources.bucket import BucketSource, Place
from cogread.sources.protocol import SourceOptions
from cogread.sources.sigv4 import sign, sign_query
from cogread.sources.token import Token, bearer, token_of_machine
from cogread.sources.uri import SourceUri

_ENDPOINT: Final = "https://storage.googleapis.com"
_REGION: Final = "auto"
"""Region in the signatures: any."""


@dataclass(slots=True)
class HmacKeys:
    """The key of a service account or user at Google."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = None


@dataclass(frozen=True, slots=True)
class GoogleStore:
    """A `Store`."""

    endpoint: str
    project: str | None
    """Project that is billed for requests."""
    keys: HmacKeys | None = field(default=None, repr=False)
    token: Token | str | None = field(default=None, repr=False)
    ca_bundle: str | None = None

    def url_of(self, bucket: str, key: str) -> str:
        """See `Store.url_of`."""
        return self._url(f"{bucket}/{quote(key, safe='/~')}", {})

    def url_of_list(self, bucket: str, prefix: str, after: str) -> str:
        """See `Store.url_of_list`."""
        page = {"start-after": after} if after else {}
        return self._url(bucket, {"encoding-type": "url", "list-type": "2", "prefix": prefix, **page})

    def sign(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> Mapping[str, str]:
        """See `Store.sign`."""
        if self.keys is not None:
            return sign(url, headers, self.keys, _REGION)
        return headers if self.token is None else {**headers, **bearer(self.token, deadline)}

    def presign(self, url: str, ttl_s: int) -> str:
        """See `Store.presign`."""
        if self.token is not None:
            raise SourceForbidden("a token signs no URLs, wanted HMAC keys")
        return url if self.keys is None else sign_query(url, self.keys, _REGION, ttl_s)

    def _url(self, path: str, query: dict[str, str]) -> str:
        if self.project is not None:
            query["userProject"] = self.project
        return f"{self.endpoint}/{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")


class GoogleSource(BucketSource[GoogleStore]):
    """An object of Google Cloud Storage."""

    def _find_place(self) -> Place[GoogleStore]:
        return self._place_in(_store_of(self._options))


def _store_of(options: SourceOptions) -> GoogleStore:
    endpoint, project = (options.endpoint_url or _ENDPOINT).rstrip("/"), options.user_project
    if options.anonymous:
        return GoogleStore(endpoint, project)
    if options.bearer_token is not None:
        return GoogleStore(endpoint, project, token=options.bearer_token)
    key, secret = options.access_key_id, options.secret_access_key
    if (key is None) != (secret is None):
        raise SourceForbidden("half of a key is set, wanted GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY")
    if key is not None:
        return GoogleStore(endpoint, project, HmacKeys(key, secret or ""))
    return GoogleStore(endpoint, project, token=token_of_machine("gs"))


def make(uri: SourceUri, options: SourceOptions) -> GoogleSource:
    """Make the source of a `gs` URI."""
    return GoogleSource(uri, options)
