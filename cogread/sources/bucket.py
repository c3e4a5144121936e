"""Objects of buckets: the common part of the s3, gs and az sources.

Strategy: a `Store` names the URLs of objects and lists and signs requests, by scheme; the GETs themselves, with their
checks and retries, are those of every source over HTTP.
"""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, Protocol, TypeVar

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceError, SourceForbidden
from cogread.sources.http_client.exchange import close_idle, get
from cogread.sources.http_client.failures import FAILURES
from cogread.sources.http_client.range_reply import RangeRequest, http_date
from cogread.sources.http_client.range_source import RangeSource
from cogread.sources.http_client.reply import Reply
from cogread.sources.http_client.transport import Route, no_auth, transport_of
from cogread.sources.per_process import PerProcess
from cogread.sources.protocol import SourceOptions
from cogread.sources.token import Token
from cogread.sources.uri import SourceUri
from cogread.weak_method import weak_method

_ERROR_BYTES: Final = 4096
_CODE_IN_BODY: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_CLOCK_SKEW_S: Final = 300.0
"""Difference of clocks that messages mention; stores refuse signatures that are 15 minutes off."""

_CREDENTIAL_CODES: Final = re.compile(
    "AccessDenied|Authentication(Failed|Required)|Authorization(Failure|HeaderMalformed|PermissionMismatch)|ExpiredToken|Invalid(AccessKeyId|AuthenticationInfo|Security|Token)"
    "|KeyBasedAuthenticationNotPermitted|NoAuthenticationInformation|PublicAccessNotPermitted|RequestTimeTooSkewed"
    "|SignatureDoesNotMatch|TokenRefreshRequired|UserProjectMissing"
)
"""Codes of refusals that concern credentials, some of which have the status 400 or 409."""


class Store(Protocol):
    """A store, with the credentials of its requests."""

    @property
    def ca_bundle(self) -> str | None:
        """See `Transport.route`."""
        ...

    @property
    def token(self) -> Token | str | None:
        """Bearer token of the requests, if they have one."""
        ...

    def url_of(self, bucket: str, key: str) -> str:
        """The URL of an object, quoted."""
        ...

    def url_of_list(self, bucket: str, prefix: str, after: str) -> str:
        """The URL of a page of the keys that begin with `prefix`, behind the page that ends with `after`."""
        ...

    def sign(self, url: str, headers: Mapping[str, str], deadline: Deadline) -> Mapping[str, str]:
        """The headers with those of authentication.

        Raises:
            SourceError: there are no credentials.
        """
        ...

    def presign(self, url: str, ttl_s: int) -> str:
        """The URL for GETs without other credentials, for `ttl_s` from now at most.

        Raises:
            SourceError: as `sign`, or the credentials cannot sign URLs.
        """
        ...


S = TypeVar("S", bound=Store)


@dataclass(frozen=True, slots=True)
class Place(Generic[S]):
    """The URL of the object, the route to it and the store that signs."""

    store: S
    route: Route
    url: str = field(repr=False)


class BucketSource(RangeSource, Generic[S]):
    """An object of a bucket; or, after `turn_to`, a page of the list of the keys that begin with its key."""

    presigned_query = ""
    """Query of presigned URLs."""

    def __init__(self, uri: SourceUri, options: SourceOptions) -> None:
        super().__init__(uri.display, options)
        self._bucket, _, self._key = uri.location.partition("://")[2].partition("/")
        self._after: str | None = None
        self._place: PerProcess[Place[S]] = PerProcess(weak_method(self._find_place))

    def turn_to(self, after: str) -> None:
        """Become a page of a list; see `Store.url_of_list`."""
        self._after = after
        self._place.forget()

    def close(self) -> None:
        """See `Source.close`."""
        place = self._place.existing()
        if place:
            close_idle(place.route.pool)

    def presigned_url(self, ttl_s: int, deadline: Deadline = NEVER) -> str:
        """See `PresigningSource.presigned_url`; the first call reads a byte, to learn the place of the bucket."""
        if self._place.existing() is None:
            self.version(deadline)
        with self._failures():
            place = self._place.existing() or self._make_place(deadline)
            return place.store.presign(place.url + self.presigned_query, ttl_s)

    def _get(self, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        with self._failures():
            place = self._place.existing() or self._make_place(deadline)
            signed = place.store.sign(place.url, headers, deadline)
        return get(place.route, signed, deadline)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise the errors of a store with the name of the source."""
        try:
            yield
        except SourceError as error:
            raise type(error)(f"{self.name}: {error}") from error

    def _make_place(self, deadline: Deadline) -> Place[S]:
        return self._place.get(deadline.timeout_s())

    @abstractmethod
    def _find_place(self) -> Place[S]:
        """The place of the object."""

    def _place_in(self, store: S) -> Place[S]:
        if self._after is None:
            url = store.url_of(self._bucket, self._key)
        else:
            url = store.url_of_list(self._bucket, self._key, self._after)
        route = transport_of(self._options).route(url, no_auth, store.ca_bundle, verbatim=True)
        return Place(store, route, url)

    def _refusal(self, request: RangeRequest, reply: Reply) -> SourceError:
        body = b""
        with suppress(*FAILURES):
            body = reply.read(_ERROR_BYTES)
        match = _CODE_IN_BODY.search(body)
        code = match[1].decode() if match else reply.headers.get("x-ms-error-code", "")
        other = self._other_place(reply, body)
        if other is not None:
            return other
        place = self._place.existing()
        if reply.status == 401 and place and isinstance(place.store.token, Token):
            place.store.token.refuse()
        error = super()._refusal(request, reply)
        if _CREDENTIAL_CODES.fullmatch(code):
            error = SourceForbidden(f"{self.name}: the store refuses us (status {reply.status}, {code})")
        if isinstance(error, SourceForbidden) and (skew_s := _clock_skew_s(reply)):
            return SourceForbidden(f"{error}; the clock of this machine is off by {skew_s:.0f} s")
        return error

    def _other_place(self, reply: Reply, body: bytes) -> SourceError | None:
        """The error for a reply that names another place of the bucket."""
        return None


def _clock_skew_s(reply: Reply) -> float | None:
    """Seconds that this machine's clock is off by the store's, if they are many."""
    theirs = http_date(reply.headers.get("date", ""))
    if theirs is None:
        return None
    skew_s = (datetime.now(UTC) - theirs).total_seconds()
    return skew_s if abs(skew_s) > _CLOCK_SKEW_S else None
