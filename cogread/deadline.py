"""The instant at which a request gives up.

Made once for each request and handed down with every call that may wait; a callee with a bound of its own takes the
earlier of the two.
"""

from dataclasses import dataclass
from threading import TIMEOUT_MAX
from time import monotonic
from typing import Final


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant, and the time left until it."""

    at_s: float
    """Seconds of `time.monotonic()`."""

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline so many seconds from now."""
        return cls(monotonic() + seconds)

    @property
    def left_s(self) -> float:
        """Seconds left, 0 once it has expired: a timeout for locks, events and threads."""
        return max(0.0, self.at_s - monotonic())

    @property
    def is_expired(self) -> bool:
        """True once no time is left."""
        return self.at_s <= monotonic()

    def timeout_s(self) -> float:
        """Seconds left, for sockets, where a timeout of 0 would mean not to wait at all.

        Raises:
            TimeoutError: none are left.
        """
        left_s = self.at_s - monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline has passed")
        return left_s

    def earlier(self, other: "Deadline") -> "Deadline":
        """The earlier of two."""
        return self if self.at_s <= other.at_s else other


NEVER: Final = Deadline(TIMEOUT_MAX)
"""The deadline of callers without one: later than any instant, and still a timeout that locks accept."""
