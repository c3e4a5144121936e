"""gunicorn's HTTP parser: that in C where a release is installed that the tests compare with the one in Python."""

from typing import Final

try:
    from gunicorn_h1c import __version__ as release
except ImportError:
    release = ""

TESTED: Final = ((0, 6, 10), (0, 7))
"""Releases of gunicorn_h1c, half-open; gunicorn alone would take older ones too, which are less strict."""


def http_parser() -> str:
    """Return the value of gunicorn's setting of this name."""
    try:
        numbers = tuple(map(int, release.split(".")))
    except ValueError:  # there is none, or a prerelease
        return "python"
    return "fast" if TESTED[0] <= numbers < TESTED[1] else "python"
