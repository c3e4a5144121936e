"""A source: one method reads a byte range, one returns the version."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline

Validators = Literal["etag", "modified"]
"""Comparison of versions: by the ETag where the origin states one, or by size and Last-Modified."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Settings to reach an origin: values, never names of environment variables, which the caller resolves."""

    connect_timeout_s: float = 2.0
    """Longest wait for a connection."""

    read_timeout_s: float = 5.0
    """Longest wait for the next bytes."""

    total_timeout_s: float = 10.0
    """Longest time for one read with all its retries, whatever the origin does."""

    retries: int = 1
    """Number of further tries of a read after 429, 5xx, a reset or a short body."""

    pool_size: int = 48
    """Open connections to the origin; the number of threads that read at the same time."""

    redirect_hosts: tuple[str, ...] = ()
    """Hosts other than the URI's own to which a redirect may lead; credentials are not sent there."""

    validators: Validators = "etag"
    """Comparison of versions; `modified` is for origins whose servers state different ETags."""

    username: str | None = None
    """User of HTTP Basic authentication."""

    password: str | None = field(default=None, repr=False)
    """Password of HTTP Basic authentication."""

    bearer_token: str | None = field(default=None, repr=False)
    """Token for `Authorization: Bearer`, at HTTP servers, Google and Azure."""

    endpoint_url: str | None = None
    """Root of the store; None: for S3 that of boto3's configuration, at last AWS, for others their public one."""

    region: str | None = None
    """Region of the bucket; None: what boto3 is configured for."""

    profile: str | None = None
    """Profile of the AWS configuration files."""

    access_key_id: str | None = field(default=None, repr=False)
    """S3 access key, or HMAC key of Google; None: boto3's chain of credential providers, Google's own."""

    secret_access_key: str | None = field(default=None, repr=False)
    """Secret of that key."""

    session_token: str | None = field(default=None, repr=False)
    """S3 session token of temporary credentials."""

    anonymous: bool = False
    """Send requests without credentials (public buckets)."""

    request_payer: bool = False
    """Accept the charges of a requester-pays bucket."""

    virtual_hosting: bool | None = None
    """Bucket in the host name (True) or in the path (False); None: as boto3 decides."""

    user_project: str | None = None
    """Project at Google that is billed for requests."""

    account: str | None = None
    """Storage account at Azure."""

    access_key: str | None = field(default=None, repr=False)
    """Key of that account; None: the SAS token, else Azure's chain of credential providers."""

    sas_token: str | None = field(default=None, repr=False)
    """Shared access signature at Azure, a query."""


DEFAULT_OPTIONS = SourceOptions()


class Source(Protocol):
    """A file that is read by byte ranges. Implementations are thread-safe.

    Connections are made at the first read, so a source may be made before a fork and used after it.
    """

    @property
    def name(self) -> str:
        """The URI without credentials and query, for messages and logs."""
        ...

    @property
    def is_local(self) -> bool:
        """True if asking for the version costs microseconds (a file), False if it costs a round trip."""
        ...

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """Read the range, cut off at the end of the source.

        Args:
            wanted: the bytes; the start must lie within the source.
            expect: the version that the bytes must belong to; None: any, and the result has it.
            deadline: when the call gives up.

        Raises:
            SourceChanged: the source has another version than `expect`.
            SourceError: of the kinds that `cogread.errors` lists; a range beyond the end is a SourceProtocolError.
        """
        ...

    def version(self, deadline: Deadline = NEVER) -> Version:
        """Ask the origin for the current version, reading a byte at most.

        Raises:
            SourceError: as `read`.
        """
        ...

    def close(self) -> None:
        """Close connections. The source may be used again."""
        ...


class PresigningSource(Protocol):
    """A source that can give others the right to read it."""

    def presigned_url(self, ttl_s: int, deadline: Deadline = NEVER) -> str:
        """A URL that reads the source without other credentials. A secret, for `ttl_s` seconds at most.

        Raises:
            SourceError: as `Source.version`.
        """
        ...


class Document(Protocol):
    """A small file that is read as a whole, such as a list or the reply of an API, which need not support ranges.

    Every source is one.
    """

    @property
    def name(self) -> str:
        """See `Source.name`."""
        ...

    def read_whole(
        self, most_bytes: int, unless: Version | None = None, deadline: Deadline = NEVER
    ) -> SourceBytes | None:
        """Read all of it; None: it still has the version `unless`.

        Args:
            most_bytes: bound of its size.
            unless: the version of an earlier read; a document without validators is read each time.
            deadline: when the call gives up.

        Raises:
            SourceError: see `Source.read`; a larger document is a SourceProtocolError.
        """
        ...

    def close(self) -> None:
        """See `Source.close`."""
        ...
