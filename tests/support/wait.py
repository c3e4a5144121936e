"""Waiting for what happens soon, without knowing when."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Poll until the condition holds."""
    give_up = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.002)
