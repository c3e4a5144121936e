"""The lead of a worker's threads, for the app: a thread gives it up before it waits for anything but its client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Lead:
    """Set by the worker; without one there is no lead to give up."""

    hand_over: Callable[[], object] = _nothing
    """Leaves the lead to another thread, if this one has it. See `WaitingConnections.hand_over`."""


lead: Final = Lead()
