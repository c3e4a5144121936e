"""The end of a request's time."""

from cogread.errors import SourceTimeout


class OutOfTime(SourceTimeout):
    """The caller's deadline passed while it waited for others; says nothing about the source."""
