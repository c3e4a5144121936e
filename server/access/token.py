"""Tokens: secrets that callers send, each with the layers that it may read."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Self

from server.access.signature import scope_of


@dataclass(frozen=True, slots=True)
class Token:
    """A token. It holds a digest of the secret, so that no log and no dump of memory shows the secret."""

    name: str
    digest: bytes = field(repr=False)
    layers: re.Pattern[str]
    """Matches the names that it may read, and the names of collections that it may read as a whole."""

    @classmethod
    def of(cls, name: str, secret: str, layers: Iterable[str]) -> Self:
        """Make a token.

        Args:
            name: its name in the config.
            secret: the secret.
            layers: names of layers and collections; `*` stands for any characters, none included.
        """
        patterns = (re.escape(text).replace(r"\*", ".*") for text in layers)
        return cls(name, digest_of(secret), re.compile("|".join(patterns) or r"(?!)"))

    def allows(self, name: str) -> bool:
        """Tell whether it may read a layer, a collection or a member; `ortho:*` includes the collection `ortho`."""
        scope = scope_of(name)
        return any(self.layers.fullmatch(text) is not None for text in (name, scope, f"{scope}:"))

    def is_digest(self, digest: bytes) -> bool:
        """Compare with the digest of a secret, in constant time."""
        return hmac.compare_digest(self.digest, digest)


def digest_of(secret: str) -> bytes:
    """The digest of a secret."""
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()
