"""A source in S3 or a store that speaks its protocol.

Strategy: boto3 provides the credentials and the URL of the object (`aws`); `sigv4` signs the ranged GETs, which go over
pooled connections, in a fraction of the time of `get_object`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from botocore.exceptions import (
    BotoCoreError,
    CredentialRetrievalError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cogread.deadline import Deadline
from cogread.errors import SourceError, SourceForbidden, SourceProtocolError
from cogread.sources.aws import Account, NoCredentials, account_of
from cogread.sources.bucket import BucketSource, Place
from cogread.sources.http_client.reply import Reply
from cogread.sources.http_client.url import WebOrigin
from cogread.sources.protocol import SourceOptions
from cogread.sources.uri import SourceUri

T = TypeVar("T")

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_REGION_IN_BODY = re.compile(rb"<Region>([a-z0-9-]{1,32})</Region>")
_PAYER = "x-amz-request-payer"

_CREDENTIAL_ERRORS = (CredentialRetrievalError, PartialCredentialsError, ProfileNotFound, SSOError, TokenRetrievalError)


class _WrongRegion(SourceProtocolError):
    """The bucket is in another region."""

    def __init__(self, message: str, region: str) -> None:
        super().__init__(message)
        self.region = region


class S3Source(BucketSource[Account]):
    """An object of a bucket."""

    def __init__(self, uri: SourceUri, options: SourceOptions) -> None:
        super().__init__(uri, options)
        self._region: str | None = None
        if options.request_payer:
            self.presigned_query = f"?{_PAYER}=requester"

    def _try(self, headers: Mapping[str, str], receive: Callable[[Reply], T], deadline: Deadline) -> T:
        wanted = {**headers, _PAYER: "requester"} if self._options.request_payer else headers
        try:
            return super()._try(wanted, receive, deadline)
        except _WrongRegion as error:
            self._region = error.region
            self._place.forget()
            return super()._try(wanted, receive, deadline)

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

    def _make_place(self, deadline: Deadline) -> Place[Account]:
        account_of(self._options, self._region, deadline.timeout_s())  # the only step that may take long
        return super()._make_place(deadline)

    def _find_place(self) -> Place[Account]:
        usual, region = self._place_in(account_of(self._options)), self._region
        if region is None:
            return usual
        place = self._place_in(account_of(self._options, region))
        if _store(place) != _store(usual):
            self._region = None
            raise SourceProtocolError(f"{self.name}: the bucket's region {region} is another store")
        return place

    def _other_place(self, reply: Reply, body: bytes) -> SourceError | None:
        region, place = _region_of(reply, body), self._place.existing()
        if region and place and region != place.store.region:
            return _WrongRegion(f"{self.name}: the bucket is in the region {region}", region)
        return None


def _store(place: Place[Account]) -> WebOrigin:
    """The origin of a place without the region in its host: a region that a reply names may change nothing else."""
    origin = place.route.url.origin
    labels = [label for label in origin.host.split(".") if label != place.store.region]
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
