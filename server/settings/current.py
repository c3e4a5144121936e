"""The current settings: gunicorn's master reads them before it forks, and its workers inherit them.

So all workers have the same settings, whenever they started, and a later mistake in the config file stops none of them.
"""

from server.settings.changes import describe_changes
from server.settings.load import Settings, load

_current: list[Settings] = []


def adopt() -> str:
    """Read the settings and make them current.

    Returns:
        The changes, as text for the log; empty if there were no settings before.

    Raises:
        ConfigError: the settings are wrong; those before stay current.
    """
    previous, _current[:] = _current[:], [load()]
    return describe_changes(previous[0], _current[0]) if previous else ""


def settings() -> Settings:
    """Return the current settings. Without a master, as in a test or under another WSGI server, they are read here."""
    return _current[0] if _current else load()
