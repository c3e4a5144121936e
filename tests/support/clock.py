"""A clock that a test moves."""


class Clock:
    """Stands still between the moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now
        """Seconds."""

    def __call__(self) -> float:
        return self.now
