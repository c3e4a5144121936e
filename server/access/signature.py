"""Signatures of URLs: HMAC-SHA256 over a scope and an expiry, by a key that servers and signing programs share.

The scope is the name of a layer, or of a collection for all its members. Texts are compared undecoded, so
a signature has one spelling.
"""

import hmac
import re
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

LONGEST_STEP_S: Final = 86_400
"""Expiries are rounded up to multiples of the lifetime, of a day at most: callers share the URL meanwhile."""

_PAIRS: Final = re.compile(r"(?:^|&)(expires|signature)=([^&]*)")
_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}")


def signature_pairs(query: str) -> list[tuple[str, str]]:
    """The pairs `expires` and `signature` of a query, undecoded, each as often as it occurs."""
    return _PAIRS.findall(query)


def signature_of(key: bytes, scope: str, expires: str) -> str:
    """The signature in hexadecimal, 64 characters.

    Args:
        key: the secret.
        scope: name of a layer or of a collection.
        expires: seconds since the epoch, in decimal digits.
    """
    return hmac.digest(key, f"{scope}\n{expires}".encode(), sha256).hex()


def signed_until_s(keys: Sequence[bytes], query: str, scope: str) -> int:
    """The expiry of a query whose signature is valid for a scope by any of the keys; 0: it has no such signature.

    Each of the two parameters has to occur once. The comparison takes constant time for each key.
    """
    pairs = signature_pairs(query)
    values = dict(pairs)
    if len(pairs) != 2 or len(values) != 2 or not _EXPIRES.fullmatch(values["expires"]):
        return 0
    given = values["signature"].encode("latin-1", "replace")
    matches = [hmac.compare_digest(signature_of(key, scope, values["expires"]).encode(), given) for key in keys]
    return int(values["expires"]) if any(matches) else 0


def signed_query(key: bytes, name: str, lifetime_s: float, now_s: float | None = None) -> str:
    """The query that opens a layer, or the collection of a member, for `lifetime_s` at least, twice that at most.

    Args:
        key: the secret, the first of RAWCOG_SIGNING_KEYS.
        name: of the layer, the collection or the member.
        lifetime_s: seconds, 1 at least.
        now_s: seconds since the epoch; None: the clock's.
    """
    step_s = max(1, min(int(lifetime_s), LONGEST_STEP_S))
    end_s = (time.time() if now_s is None else now_s) + lifetime_s
    expires = str(int(-(-end_s // step_s)) * step_s)
    return f"expires={expires}&signature={signature_of(key, scope_of(name), expires)}"


def scope_of(name: str) -> str:
    """The scope of a layer: its name, or the collection in the name of a member."""
    return name.partition(":")[0]
