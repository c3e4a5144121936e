"""The current settings, the same in gunicorn's master and in all its workers.

The master reads them before it forks, and its workers inherit them. So all workers have the same settings, whenever
they started, and a later mistake in the config file stops none of them. With `watch_s`, a thread in each worker follows
changes of the file: one worker leads and asks its place, the others take what the leader adopted (see `board`). The
master itself runs no thread, since a thread that holds a lock at a fork leaves it locked in the worker.
"""

import logging
import time
from collections.abc import Callable
from threading import Thread
from typing import Final

from msgspec.structs import replace

from cogread.byterange import SourceBytes
from cogread.deadline import Deadline
from server.settings.board import Board, Notice
from server.settings.changes import describe_changes, describe_pending
from server.settings.config_place import ConfigPlace
from server.settings.load import ConfigError, Settings, config_place, parse, read

logger = logging.getLogger(__name__)

LOOK_SHARE: Final = 0.1
"""Share of `watch_s` after which a worker looks at the board, and the leader at a local file."""
LONGEST_LOOK_S: Final = 1.0
SHORTEST_LOOK_S: Final = 0.05
ASK_SHARE: Final = 0.8
"""Share of `watch_s` after which the leader asks for a remote file; the rest is for the workers to follow."""


class CurrentSettings:
    """The settings of a server's processes. Used by one thread at a time in each."""

    def __init__(self, place: ConfigPlace) -> None:
        """Read the settings.

        Raises:
            ConfigError: they are wrong.
        """
        self._place, self._board = place, Board()
        config = self._read()
        self._settings, self._notice = parse(place, config.data), Notice(config.data, config.version)
        self._board.post(self._notice)
        self._ask_at = Deadline.after(0)
        self._last_seen = config.version

    def reload(self) -> str:
        """Read the settings again.

        Returns:
            The changes, as text for the log.

        Raises:
            ConfigError: they are wrong; those before stay current.
        """
        before, config = self.newest(), self._read()
        settings = parse(self._place, config.data)
        self._adopt(settings, Notice(config.data, config.version))
        return describe_changes(before, settings)

    def newest(self) -> Settings:
        """The settings that any process of the server adopted last."""
        notice = self._board.news()
        if notice is not None:
            if notice.data != self._notice.data:
                try:
                    self._settings = parse(self._place, notice.data)
                except ConfigError:
                    logger.exception("the settings that another worker uses cannot be used here")
            self._notice = notice
        return self._settings

    def look(self) -> None:
        """Ask for changes, if this process leads and that is due. A problem is logged once for each version."""
        if not self._board.leads() or not (self._place.is_local or self._ask_at.is_expired):
            return
        before, notice = self.newest(), self._notice
        self._ask_at, version = Deadline.after(before.server.watch_s * ASK_SHARE), notice.version
        try:
            config = self._changed()
            if config is None:
                if notice.problem:
                    self._adopt(before, replace(notice, problem=""))
                return
            version = config.version
            settings = before if config.data == notice.data else parse(self._place, config.data)
        except ConfigError as error:
            if (version, str(error)) != (notice.version, notice.problem):
                logger.error("not reloaded, the previous settings stay current: %s", error)
                self._adopt(before, replace(notice, version=version, problem=str(error)))
            return
        if settings is not before:
            changes = describe_changes(before, settings), describe_pending(before, settings)
            logger.info("reloaded: %s", "; ".join(filter(None, changes)))
        self._adopt(settings, Notice(config.data, version))

    def _read(self) -> SourceBytes:
        try:
            return read(self._place)
        finally:
            self._place.close()  # else workers would inherit the connections

    def _changed(self) -> SourceBytes | None:
        """The file, if it has another version than at the last look.

        A local file may be half written, so two looks must see the same version.
        """
        config = read(self._place, self._notice.version)
        if config is not None and self._place.is_local and config.version != self._last_seen:
            self._last_seen, config = config.version, None
        return config

    def _adopt(self, settings: Settings, notice: Notice) -> None:
        self._settings, self._notice = settings, notice
        self._board.post(notice)


_current: list[CurrentSettings] = []


def adopt() -> str:
    """Read the settings and make them current.

    Returns:
        The changes, as text for the log; empty if there were no settings before.

    Raises:
        ConfigError: the settings are wrong; those before stay current.
    """
    if _current:
        return _current[0].reload()
    _current.append(CurrentSettings(config_place()))
    return ""


def settings() -> Settings:
    """Return the current settings. Without a master, as under another WSGI server, they are read here.

    Raises:
        ConfigError: there are none, and those of the config file and the environment are wrong.
    """
    if not _current:
        adopt()
    return _current[0].newest()


def follow(last: Settings, change: Callable[[Settings], None]) -> None:
    """Have a thread follow the config file while `watch_s` is not 0.

    Args:
        last: the current settings that are in use.
        change: is called with newer ones.
    """
    if last.server.watch_s:
        Thread(target=_follow, args=(last, change), name="config", daemon=True).start()


def _follow(last: Settings, change: Callable[[Settings], None]) -> None:
    while watch_s := last.server.watch_s:
        time.sleep(max(SHORTEST_LOOK_S, min(LONGEST_LOOK_S, watch_s * LOOK_SHARE)))
        try:
            _current[0].look()
            newest = _current[0].newest()
            if newest is not last:
                last = newest
                change(newest)
        except Exception:  # the thread goes on: the next change may be a good one
            logger.exception("the changed config file is not in use")
