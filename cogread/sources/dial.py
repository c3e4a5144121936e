"""Connecting within a time: the look-up of a name has no timeout, and each of a host's addresses takes its own."""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


def dial(connect: Callable[[], socket.socket], patience_s: float) -> socket.socket:
    """Connect in a thread that is left to itself when it takes too long; what it still brings is closed.

    Args:
        connect: looks the host up and connects.
        patience_s: longest wait.

    Raises:
        TimeoutError: it took longer.
        Exception: what `connect` raised.
    """
    made = Future[socket.socket]()
    Thread(target=_run, args=(connect, made), name="dial", daemon=True).start()
    try:
        return made.result(patience_s)
    except TimeoutError:
        made.add_done_callback(_close)
        raise
    finally:
        del made  # it holds the error, whose traceback holds this frame


def _run(connect: Callable[[], socket.socket], made: "Future[socket.socket]") -> None:
    try:
        made.set_result(connect())
    except BaseException as error:
        made.set_exception(error)


def _close(made: "Future[socket.socket]") -> None:
    if made.exception() is None:
        made.result().close()
