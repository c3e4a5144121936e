"""Bearer tokens of the identity that the machine has at Google or Azure, by their own packages, which are optional.

Strategy: a thread of its own fetches a token, as the packages may search the network for an identity for seconds. It
starts minutes before the token expires, so reads wait for the first token alone.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC
from functools import partial
from importlib import import_module
from threading import Lock
from typing import Final, NamedTuple

from cogread.deadline import Deadline
from cogread.detached import call_detached
from cogread.errors import SourceForbidden, SourceTimeout
from cogread.sources.per_process import PerProcess

_EARLY_S: Final = 180.0
"""Rest of a token's life in which it is renewed; metadata servers give tokens with five minutes left."""
_LEAST_S: Final = 10.0
"""Rest of a token's life in which no request is sent with it."""
_AGAIN_S: Final = 10.0
"""Time between two fetches; until then the failure of one is that of all reads."""
_HUNG_S: Final = 30.0
"""Time after which another fetch begins beside one that has not ended."""
_ANSWER_S: Final = 10.0
"""Time that a server of tokens has to connect and to answer; by default each try of the packages takes minutes."""


class Expiring(NamedTuple):
    """A token."""

    value: str
    expires_at: float
    """Seconds since 1970."""


class Token:
    """The current token of one identity, for all threads of a process."""

    def __init__(self, extra: str, fetch: Callable[[], Expiring]) -> None:
        """Prepare; nothing is fetched yet.

        Args:
            extra: the extra of this package that installs what `fetch` imports.
            fetch: gets a token; raises any error.
        """
        self._extra, self._fetch = extra, fetch
        self._current = Expiring("", 0.0)
        self._lock = Lock()
        self._fetched: Future[None] | None = None
        self._begun_s = 0.0

    def value(self, deadline: Deadline) -> str:
        """A valid token.

        Raises:
            SourceForbidden: the machine has no identity, or the package is missing.
            SourceTimeout: the deadline passed first.
        """
        left_s = self._current.expires_at - time.time()
        if left_s < _EARLY_S:
            fetched = self._renewal()
            if left_s < _LEAST_S:
                self._wait(fetched, deadline)
        return self._current.value

    def refuse(self) -> None:
        """Renew the token, which a store refused; reads go on with it until then, as other stores may take it."""
        self._renewal()

    def _renewal(self) -> "Future[None]":
        """The fetch that is under way and does not hang, or was a moment ago; else a new one."""
        with self._lock:
            now_s = time.monotonic()
            if self._fetched is None or now_s - self._begun_s > (_AGAIN_S if self._fetched.done() else _HUNG_S):
                self._fetched, self._begun_s = call_detached(self._renew, "token"), now_s
            return self._fetched

    def _renew(self) -> None:
        self._current = self._fetch()

    def _wait(self, fetched: "Future[None]", deadline: Deadline) -> None:
        try:
            error = fetched.exception(deadline.timeout_s())
        except TimeoutError:
            raise SourceTimeout("no token in time") from None
        if isinstance(error, ImportError):
            raise SourceForbidden(
                f"no credentials are set, nor is the package for those of the machine; install rawcog[{self._extra}]"
            )
        if error is not None:
            raise SourceForbidden(f"no credentials are set, and the machine has none ({type(error).__name__})")


def _google() -> Expiring:
    """A token of the application default credentials."""
    auth, transport = import_module("google.auth"), import_module("google.auth.transport.requests")
    credentials, _ = auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_only"])
    credentials.refresh(partial(transport.Request(), timeout=_ANSWER_S))
    return Expiring(credentials.token, credentials.expiry.replace(tzinfo=UTC).timestamp())


def _azure() -> Expiring:
    """A token of the environment, the workload, the managed identity or the user of Azure's command line."""
    limits = {"connection_timeout": _ANSWER_S, "read_timeout": _ANSWER_S}
    with import_module("azure.identity").DefaultAzureCredential(**limits) as credential:
        token = credential.get_token("https://storage.azure.com/.default")
        return Expiring(token.token, token.expires_on)


_TOKENS: Final = {
    name: PerProcess(partial(Token, name, fetch)) for name, fetch in {"gs": _google, "az": _azure}.items()
}


def token_of_machine(scheme: str) -> Token:
    """The token of this machine for a scheme, shared by all sources of the process."""
    return _TOKENS[scheme].get()


def bearer(token: Token | str, deadline: Deadline) -> dict[str, str]:
    """The header of a request with a token (RFC 6750)."""
    return {"Authorization": f"Bearer {token if isinstance(token, str) else token.value(deadline)}"}
