"""A source in S3 or a store that speaks its protocol.

Strategy: boto3 provides the credentials and the URL of the object (`aws`); botocore signs the ranged GETs, which go
over pooled connections, in a fraction of the time of `get_object`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    CredentialRetrievalError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceError, SourceForbidden, SourceProtocolError
from cogread.sources.aws import Account, NoCredentials, account_of
from cogread.sources.http_client.exchange import close_idle, get
from cogread.sources.http_client.failures import FAILURES
from cogread.sources.http_client.range_reply import RangeRequest
from cogread.sources.http_client.range_source import RangeSource
from cogread.sources.http_client.reply import Reply
from cogread.sources.http_client.transport import Route, no_auth, transport_of
from cogread.sources.http_client.url import WebOrigin
from cogread.sources.per_process import PerProcess
from cogread.sources.protocol import SourceOptions
from cogread.sources.uri import SourceUri
from cogread.weak_method import weak_method

T = TypeVar("T")

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_CODE_IN_BODY = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_REGION_IN_BODY = re.compile(rb"<Region>([a-z0-9-]{1,32})</Region>")
_ERROR_BYTES = 4096
_PAYER = "x-amz-request-payer"

_CREDENTIAL_CODES = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed"})
"""Codes of status 400 that concern credentials (the others have status 403)."""

_CREDENTIAL_ERRORS = (CredentialRetrievalError, PartialCredentialsError, ProfileNotFound, SSOError, TokenRetrievalError)


class _WrongRegion(SourceProtocolError):
    """The bucket is in another region."""

    def __init__(self, message: str, region: str) -> None:
        super().__init__(message)
        self.region = region


@dataclass(frozen=True, slots=True)
class _Place:
    """The URL of the object, the route to it and the account that signs."""

    account: Account
    route: Route
    url: str = field(repr=False)


class S3Source(RangeSource):
    """An object of a bucket."""

    def __init__(self, uri: SourceUri, options: SourceOptions) -> None:
        super().__init__(uri.display, options)
        self._bucket, _, self._key = uri.location.removeprefix("s3://").partition("/")
        self._region: str | None = None
        self._place = PerProcess(weak_method(self._find_place))

    def close(self) -> None:
        """See `Source.close`."""
        place = self._place.existing()
        if place:
            close_idle(place.route.pool)

    def presigned_url(self, ttl_s: int, deadline: Deadline = NEVER) -> str:
        """See `PresigningSource.presigned_url`; the first call reads a byte, to learn the region of the bucket."""
        if self._place.existing() is None:
            self.version(deadline)
        with self._failures():
            place = self._place.existing() or self._make_place(deadline)
            payer = f"?{_PAYER}=requester" if self._options.request_payer else ""
            return place.account.presign(place.url + payer, ttl_s)

    def _try(self, headers: Mapping[str, str], receive: Callable[[Reply], T], deadline: Deadline) -> T:
        try:
            return super()._try(headers, receive, deadline)
        except _WrongRegion as error:
            self._region = error.region
            self._place.forget()
            return super()._try(headers, receive, deadline)

    def _get(self, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        wanted = dict(headers)
        if self._options.request_payer:
            wanted[_PAYER] = "requester"
        with self._failures():
            place = self._place.existing() or self._make_place(deadline)
            signed = place.account.sign(place.url, wanted)
        return get(place.route, signed, deadline)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise the errors of boto3 as those of a source."""
        try:
            yield
        except NoCredentials as error:
            raise SourceForbidden(f"{self.name}: no AWS credentials found, nor asked for anonymous access") from error
        except BotoCoreError as error:
            kind = SourceForbidden if isinstance(error, _CREDENTIAL_ERRORS) else SourceError
            raise kind(f"{self.name}: boto3 cannot prepare the request ({type(error).__name__})") from error

    def _make_place(self, deadline: Deadline) -> _Place:
        account_of(self._options, self._region, deadline.timeout_s())  # the only step that may take long
        return self._place.get(deadline.timeout_s())

    def _find_place(self) -> _Place:
        usual, region = self._place_in(None), self._region
        if region is None:
            return usual
        place = self._place_in(region)
        if _store(place) != _store(usual):
            self._region = None
            raise SourceProtocolError(f"{self.name}: the bucket's region {region} is another store")
        return place

    def _place_in(self, region: str | None) -> _Place:
        account = account_of(self._options, region)
        url = self._url(account)
        route = transport_of(self._options).route(url, no_auth, account.ca_bundle, verbatim=True)
        return _Place(account, route, url)

    def _url(self, account: Account) -> str:
        return account.url_of(self._bucket, self._key)

    def _refusal(self, request: RangeRequest, reply: Reply) -> SourceError:
        body = b""
        with suppress(*FAILURES):
            body = reply.read(_ERROR_BYTES)
        region = _region_of(reply, body)
        place = self._place.existing()
        if region and place and region != place.account.region:
            return _WrongRegion(f"{self.name}: the bucket is in the region {region}", region)
        match = _CODE_IN_BODY.search(body)
        code = match[1].decode() if match else ""
        if code in _CREDENTIAL_CODES:
            return SourceForbidden(f"{self.name}: the store refuses us (status {reply.status}, {code})")
        return super()._refusal(request, reply)


def _store(place: _Place) -> WebOrigin:
    """The origin of a place without the region in its host: a region that a reply names may change nothing else."""
    origin = place.route.url.origin
    labels = [label for label in origin.host.split(".") if label != place.account.region]
    return origin._replace(host=".".join(labels))


def _region_of(reply: Reply, body: bytes) -> str | None:
    """The region of the bucket as a 301, 307 or 400 states it."""
    if reply.status not in (301, 307, 400):
        return None
    region = reply.headers.get("x-amz-bucket-region", "")
    if _REGION.fullmatch(region):
        return region
    match = _REGION_IN_BODY.search(body)
    return match[1].decode() if match else None


def make(uri: SourceUri, options: SourceOptions) -> S3Source:
    """Make the source of an `s3` URI."""
    return S3Source(uri, options)
