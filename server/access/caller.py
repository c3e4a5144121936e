"""The caller of one request: the layers that its credentials open, and how caches may keep the reply.

A layer is checked before it is opened. A check records the credential that opened the layer, and the headers of the
reply follow from the records, so no view can forget to make a reply private.
"""

import re
import time
from base64 import b64decode
from functools import lru_cache
from typing import Final, Literal, Protocol
from urllib.parse import unquote

from server.access.signature import signature_pairs
from server.access.token import Token
from server.http.errors import Forbidden, Unauthorized

Access = Literal["public", "token", "signed"]
PUBLIC: Final = "public"
SIGNED: Final = "signed"

VARY: Final = ("Vary", "Authorization")

CHALLENGE: Final = 'Bearer realm="rawcog"'
"""The header WWW-Authenticate (RFC 6750 §3)."""

_TOKEN: Final = re.compile(r"(?:^|&)token=([^&]*)")
_MAX_AGE: Final = re.compile(r"max-age=([0-9]+)")


class Authenticator(Protocol):
    """The credentials that the server accepts; see `server.access.authenticator`."""

    @property
    def has_tokens(self) -> bool:
        """False: no token opens anything."""

    def token(self, secret: str) -> Token | None:
        """The token with this secret."""

    def signed_until_s(self, query: str, name: str) -> int:
        """The expiry of a valid signature for a layer; 0: the query has none."""


class Caller:
    """The caller of a request. Not thread-safe. The defaults are class attributes, as each tile has a caller."""

    _token: Token | None = None
    _is_looked_up = _reads_by_token = _is_listing = False
    _until_s = 0
    """Expiry of the signature that opened a layer; 0: none did."""
    _left_s = 0
    """Seconds until then."""

    def __init__(self, authenticator: Authenticator, query: str, authorization: str) -> None:
        """Read nothing yet.

        Args:
            authenticator: verifies the credentials.
            query: of the URL, undecoded.
            authorization: the header's value; empty without it.
        """
        self._authenticator, self._query, self._authorization = authenticator, query, authorization

    def check(self, name: str, access: Access) -> None:
        """Require the right to read a layer, a collection or a member.

        Args:
            name: its whole name.
            access: the right that it takes.

        Raises:
            Unauthorized: the request has no credentials for it, or an unknown token.
            Forbidden: its credentials do not open the layer.
        """
        if access == PUBLIC or (access == SIGNED and self._is_signed(name)):
            return
        if self.token is None:
            raise self._refusal(name, access)
        if not self.token.allows(name):
            raise Forbidden("the token is not for this layer")
        self._reads_by_token = True

    def may_list(self, name: str, access: Access) -> bool:
        """Tell whether lists show a layer: if it is public, or a token opens it. A signature opens no list.

        Raises:
            Unauthorized: the token is unknown.
        """
        if access == PUBLIC:
            return True
        self._is_listing = True
        return self.token is not None and self.token.allows(name)

    @property
    def token(self) -> Token | None:
        """The token of the request; None: it has none.

        Raises:
            Unauthorized: it is unknown.
        """
        if not self._is_looked_up and self._authenticator.has_tokens:
            secret = self._secret()
            self._token = None if secret is None else self._authenticator.token(secret)
            self._is_looked_up = secret is None or self._token is not None
            if not self._is_looked_up:
                raise Unauthorized("unknown token", f'{CHALLENGE}, error="invalid_token"')
        return self._token

    @property
    def signature(self) -> str:
        """The part of the query that opened a layer, for the URLs in its documents; empty: no signature was needed."""
        return "&".join(f"{key}={value}" for key, value in signature_pairs(self._query)) if self._until_s else ""

    @property
    def has_used_right(self) -> bool:
        """False: no check asked for credentials, so the reply is for all."""
        return self._reads_by_token or self._is_listing or self._until_s > 0

    def policy(self, cache_control: str, *, is_tile: bool) -> str:
        """Cache-Control of the reply, after all checks.

        Args:
            cache_control: that of a reply for all.
            is_tile: False: the reply may have the signature in its body, and is for the caller alone.
        """
        is_private = self._reads_by_token or (self._is_listing and self._token is not None)
        if is_private or (self._until_s and not is_tile):
            rest = cache_control.removeprefix("public, ").removeprefix("private, ")
            cache_control = cache_control if rest == "no-store" else f"private, {rest}"
        return _within(cache_control, self._left_s) if self._until_s else cache_control

    def within(self, lifetime_s: int) -> int:
        """A lifetime in seconds, after all checks, that ends with the signature, if one opened a layer."""
        return min(lifetime_s, self._left_s) if self._until_s else lifetime_s

    @property
    def varies(self) -> bool:
        """True if the reply depends on the header Authorization."""
        return self._reads_by_token or (self._is_listing and self._authenticator.has_tokens)

    def limit(self, headers: list[tuple[str, str]]) -> None:
        """Change the headers of a reply to those of a tile for this caller, after all checks."""
        for at, (name, value) in enumerate(headers):
            if name == "Cache-Control":
                headers[at] = name, self.policy(value, is_tile=True)
                break
        if self.varies:
            headers.append(VARY)

    def _is_signed(self, name: str) -> bool:
        until_s = self._authenticator.signed_until_s(self._query, name)
        left_s = int(until_s - time.time())
        if left_s <= 0:
            return False
        self._until_s, self._left_s = until_s, left_s
        return True

    def _refusal(self, name: str, access: Access) -> Unauthorized | Forbidden:
        """The error of a request without a token."""
        if access != SIGNED:
            return Unauthorized(
                "the layer takes a token, as `Authorization: Bearer`, as a password or as `token` in the query",
                CHALLENGE,
            )
        if not signature_pairs(self._query):
            return Unauthorized("the layer takes a signed URL, or a token as `Authorization: Bearer`", CHALLENGE)
        is_expired = self._authenticator.signed_until_s(self._query, name) > 0
        return Forbidden("the signature has expired" if is_expired else "the signature is not valid for this layer")

    def _secret(self) -> str | None:
        scheme, _, secret = self._authorization.partition(" ")
        if scheme.lower() == "bearer":
            return secret.strip()
        if scheme.lower() == "basic" and self._authenticator.token(password := _password(secret)) is not None:
            return password  # any other may be for a proxy in front, which passes it on
        secrets = _TOKEN.findall(self._query)
        return unquote(secrets[0]) if len(secrets) == 1 else None if not secrets else ""


def _password(credentials: str) -> str:
    """The password of Basic (RFC 7617), for clients that send no Bearer; empty if it cannot be read."""
    try:
        return b64decode(credentials.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # no Base64 or no UTF-8
        return ""


@lru_cache(256)
def _within(cache_control: str, left_s: int) -> str:
    """A Cache-Control that ends with the signature. Cached, as all tiles of a second have the same."""
    return _MAX_AGE.sub(lambda match: f"max-age={min(left_s, int(match[1]))}", cache_control)
