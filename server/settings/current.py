"""The settings in force: read by gunicorn's master before it forks, and inherited by its workers.

So all workers have the same ones whenever they were started, and a mistake made in the file later stops none of them.
"""

from server.settings.load import Settings, load

_in_force: list[Settings] = []


def adopt() -> None:
    """Read the settings and put them in force.

    Raises:
        ConfigError: they are wrong; those before stay in force.
    """
    _in_force[:] = [load()]


def settings() -> Settings:
    """The settings in force; without a master, as in a test or under another WSGI server, they are read here."""
    return _in_force[0] if _in_force else load()
