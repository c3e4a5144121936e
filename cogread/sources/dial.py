"""Connecting with a bound: resolving a name has no timeout, and each address of a host has a separate one."""

import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


def dial(connect: Callable[[], socket.socket], patience_s: float) -> socket.socket:
    """Connect in a thread, which is abandoned when it takes too long; a connection that it still opens is closed.

    Args:
        connect: resolves the host and connects.
        patience_s: longest wait.

    Raises:
        TimeoutError: connecting took longer.
        Exception: what `connect` raised.
    """
    dialled = Future[socket.socket]()
    Thread(target=_run, args=(connect, dialled), name="dial", daemon=True).start()
    try:
        return dialled.result(patience_s)
    except TimeoutError:
        dialled.add_done_callback(_close)
        raise
    finally:
        del dialled  # it holds the error, whose traceback holds this frame


def _run(connect: Callable[[], socket.socket], dialled: "Future[socket.socket]") -> None:
    try:
        dialled.set_result(connect())
    except BaseException as error:
        dialled.set_exception(error)


def _close(dialled: "Future[socket.socket]") -> None:
    if dialled.exception() is None:
        dialled.result().close()
