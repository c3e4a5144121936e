"""Ranged GETs: the common part of the http and s3 sources.

Strategy: one read is up to `1 + retries` tries before one deadline. A try sends one request (`_get`, by scheme), checks
the header of the reply before it reads a byte of the body, and reads no more than the range.
"""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceError, SourceProtocolError
from cogread.sources.http_client.failures import FAILURES, Retryable, failure
from cogread.sources.http_client.range_reply import (
    RETRYABLE,
    RangeRequest,
    check_partial,
    check_whole,
    is_unchanged,
    refusal,
    request_headers,
    whole_body,
    whole_headers,
)
from cogread.sources.http_client.reply import Reply
from cogread.sources.protocol import SourceOptions

log = logging.getLogger("cogread")

T = TypeVar("T")

_PAUSE_S = (0.05, 0.2)
"""Shortest and longest wait before another try; random, so that workers do not return at the same instant."""


class RangeSource(ABC):
    """A source over HTTP."""

    is_local = False

    def __init__(self, name: str, options: SourceOptions) -> None:
        self.name = name
        self._options = options

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        if log.isEnabledFor(logging.INFO):
            log.info("read %s bytes %d-%d", self.name, wanted.start, wanted.stop - 1)
        request = RangeRequest(self.name, wanted, expect, self._options.validators)
        return self._retrying(request_headers(request), partial(self._receive, request), deadline)

    def read_whole(
        self, most_bytes: int, unless: Version | None = None, deadline: Deadline = NEVER
    ) -> SourceBytes | None:
        """See `Document.read_whole`. The version has the size of the body as sent."""
        log.info("read %s whole", self.name)
        request = RangeRequest(self.name, ByteRange(0, most_bytes), None, self._options.validators, success=200)
        return self._retrying(whole_headers(unless), partial(self._receive_whole, request, unless), deadline)

    def _retrying(self, headers: Mapping[str, str], receive: Callable[[Reply], T], deadline: Deadline) -> T:
        deadline = deadline.earlier(Deadline.after(self._options.total_timeout_s))
        for tries_left in range(self._options.retries, -1, -1):
            try:
                return self._try(headers, receive, deadline)
            except Retryable as failed:
                if not tries_left or not _pause(deadline):
                    raise failed.error from failed.__cause__
        raise AssertionError("unreachable: the last try returns or raises")

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`. By GET: a URL that is signed for GET answers no HEAD."""
        return self.read(ByteRange(0, 1), deadline=deadline).version

    @abstractmethod
    def close(self) -> None:
        """See `Source.close`."""

    @abstractmethod
    def _get(self, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        """Send a GET with these headers and those of authentication.

        Raises:
            FAILURES: no reply.
            SourceError: the request cannot be sent.
        """

    def _refusal(self, request: RangeRequest, reply: Reply) -> SourceError:
        """The error for a reply other than 206."""
        return refusal(request, reply.status, reply.headers)

    def _failure(self, request: RangeRequest, reply: Reply) -> SourceError | Retryable:
        error = self._refusal(request, reply)
        return Retryable(error) if reply.status in RETRYABLE else error

    def _try(self, headers: Mapping[str, str], receive: Callable[[Reply], T], deadline: Deadline) -> T:
        try:
            reply = self._get(headers, deadline)
            try:
                return receive(reply)
            finally:
                reply.finish()
        except FAILURES as error:
            raise failure(self.name, error) from error

    def _receive_whole(self, request: RangeRequest, unless: Version | None, reply: Reply) -> SourceBytes | None:
        if unless is not None and is_unchanged(unless, reply.status, reply.headers):
            return None
        if reply.status != 200:
            raise self._failure(request, reply)
        length, is_packed = check_whole(request, reply.headers)
        body = reply.read(request.wanted.size_bytes + 1)
        if length is not None and len(body) != length:
            raise Retryable(SourceProtocolError(f"{self.name}: a body of {len(body)} bytes, wanted {length}"))
        version = Version(len(body), reply.headers.get("etag"), reply.headers.get("last-modified"))
        return SourceBytes(whole_body(request, body, is_packed), version)

    def _receive(self, request: RangeRequest, reply: Reply) -> SourceBytes:
        if reply.status != 206:
            raise self._failure(request, reply)
        try:
            version, size_bytes = check_partial(request, reply.headers)
            return SourceBytes(_body(request, reply, size_bytes), version)
        except SourceProtocolError as error:
            raise Retryable(error) from None


def _body(request: RangeRequest, reply: Reply, size_bytes: int) -> bytes:
    """The body, of exactly this size; one byte more is read to detect a longer one."""
    data = reply.read(size_bytes)
    if len(data) == size_bytes and not reply.is_at_end:  # no Content-Length: the end has to be seen
        data += reply.read(1)
    if len(data) != size_bytes:
        received = "more" if len(data) > size_bytes else len(data)
        raise SourceProtocolError(f"{request.name}: a body of {received} bytes, wanted {size_bytes}")
    return data


def _pause(deadline: Deadline) -> bool:
    """Wait before the next try; False if the deadline leaves no time for it."""
    pause_s = random.uniform(*_PAUSE_S)  # noqa: S311 - no secret
    if deadline.left_s <= pause_s:
        return False
    time.sleep(pause_s)
    return True
