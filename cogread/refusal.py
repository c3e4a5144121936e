"""The reason why something is not offered, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """States why a sound file is not offered in some form: a tile format, a grid, a service, a CRS.

    A function that may refuse returns `Thing | Refusal`, or `Refusal | None` where it only checks. Documents show it
    beside what is offered; a caller that cannot go on raises a `CogError` with its text.
    """

    reason: str
    """A clause to be shown to clients: "the tiles are DEFLATE, not WebP"."""

    def __str__(self) -> str:
        return self.reason
