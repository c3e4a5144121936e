"""gunicorn's HTTP parser: that in C where a release is installed that the tests compare with the one in Python."""

from typing import Any, Final

try:
    from gunicorn_h1c import __version__ as release
except ImportError:
    release = ""

TESTED: Final = ((0, 6, 10), (0, 7))
"""Releases of gunicorn_h1c, half-open; gunicorn alone would take older ones too, which are less strict."""


def http_parser() -> str:
    """Return the value of gunicorn's setting of this name; `auto`: in C unless other settings forbid it."""
    return "auto" if _is_tested() else "python"


def contradiction(cfg: Any) -> str | None:
    """Tell why the parser in C that the settings of gunicorn demand cannot serve: each request would be a 500."""
    if cfg.http_parser != "fast":
        return None
    if not _is_tested():
        least, limit = (".".join(map(str, numbers)) for numbers in TESTED)
        return (
            f"--http-parser=fast: found {f'gunicorn_h1c {release}' if release else 'no gunicorn_h1c'}, wanted "
            f">={least},<{limit}, which the extra rawcog[fast] installs"
        )
    if cfg.permit_obsolete_folding or cfg.strip_header_spaces:
        return "--http-parser=fast: wanted neither --permit-obsolete-folding nor --strip-header-spaces"
    return None


def _is_tested() -> bool:
    try:
        numbers = tuple(map(int, release.split(".")))
    except ValueError:  # there is none, or a prerelease
        return False
    return TESTED[0] <= numbers < TESTED[1]
