"""The lead of a worker's threads, for modules that wait: a thread gives the lead up before it waits for what is slower
than memory."""

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
