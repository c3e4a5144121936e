"""The credentials that a server accepts, and the verified signatures of a worker.

Verified signatures are cached by query and layer, so that a tile of a signed map costs a look-up. Only valid ones
enter, and the cache is emptied when it is full: a client without a key cannot fill it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from server.access.caller import Caller
from server.access.signature import scope_of, signed_until_s
from server.access.token import Token, digest_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

MOST_VERIFIED: Final = 1024
LONGEST_QUERY: Final = 400
"""Characters of a query that the cache keeps; longer ones are verified each time."""

CALLER: Final = "rawcog.caller"
"""Key of the WSGI environment that has the caller, once a layer was checked."""


class Authenticator:
    """Makes the callers of requests. Safe to share between threads."""

    def __init__(self, tokens: Sequence[Token], keys: Sequence[bytes]) -> None:
        """Make the authenticator.

        Args:
            tokens: all tokens.
            keys: those that verify signatures.
        """
        self._tokens, self._keys = tokens, keys
        self.has_tokens: Final = bool(tokens)
        self._verified: dict[tuple[str, str], int] = {}

    def caller(self, environ: "WSGIEnvironment") -> Caller:
        """The caller of a request, the same for all parts of the server."""
        caller: Caller | None = environ.get(CALLER)
        if caller is None:
            caller = Caller(self, environ.get("QUERY_STRING", ""), environ.get("HTTP_AUTHORIZATION", ""))
            environ[CALLER] = caller
        return caller

    def token(self, secret: str) -> Token | None:
        """The token with this secret; every token is compared, in constant time."""
        digest = digest_of(secret)
        matches = [token for token in self._tokens if token.is_digest(digest)]
        return matches[0] if matches else None

    def signed_until_s(self, query: str, name: str) -> int:
        """The expiry of a valid signature for a layer; 0: the query has none."""
        until_s = self._verified.get((query, name))
        if until_s is not None:
            return until_s
        until_s = signed_until_s(self._keys, query, scope_of(name))
        if until_s and len(query) <= LONGEST_QUERY:
            if len(self._verified) >= MOST_VERIFIED:
                self._verified.clear()
            self._verified[query, name] = until_s
        return until_s
