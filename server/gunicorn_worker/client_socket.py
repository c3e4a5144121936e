"""The socket of a client, used with few system calls.

Each call of a Python socket releases the GIL, and taking it again may take longer than the call. For one request,
gunicorn sets the timeout four times, and sends the head and the body of the reply separately.
"""

import socket
import struct
from typing import Any, Final

from server.gunicorn_worker.download import Body
from server.gunicorn_worker.lead import lead

SEND_S: Final = 30
"""Longest wait for a client that takes nothing more of its reply."""

RECEIVE_S: Final = 2
"""Longest wait for the bytes of a client whose reply broke off; nothing else waits for bytes."""


class ClientSocket(socket.socket):
    """A blocking socket whose timeouts are the kernel's; a call that takes longer raises BlockingIOError."""

    def __init__(self, accepted: socket.socket) -> None:
        """Replace an accepted socket."""
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", RECEIVE_S, 0))
        self._is_holding, self._head = False, b""
        self._later: Body | None = None

    def gettimeout(self) -> float | None:
        """Return None: the socket blocks."""
        return None

    def settimeout(self, value: float | None, /) -> None:
        """Do nothing: the timeouts are fixed."""

    def setblocking(self, flag: bool, /) -> None:
        """Do nothing: the socket blocks."""

    def hold_head(self) -> None:
        """Hold the bytes of the next `sendall` back, and send them with those of the one after it, or at `flush`."""
        self._is_holding = True

    def send_later(self, body: Body) -> None:
        """Have the worker send a body after the head of this reply, without a thread of its own; see `Download`."""
        self._later = body

    def take_later(self) -> Body | None:
        """The body that is to be sent later, once."""
        body, self._later = self._later, None
        return body

    def flush(self) -> None:
        """Send the bytes that are held back."""
        self._is_holding = False
        if self._head:
            self.sendall(b"")

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all bytes, or hold them back. A thread that has to wait for the client hands the lead over."""
        if self._is_holding:
            self._is_holding, self._head = False, data
            return
        head, self._head = self._head, b""
        try:
            sent_bytes = self.sendmsg((head, data), (), flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent_bytes = 0
        if sent_bytes < len(head) + len(data):
            lead.hand_over()
            super().sendall((head + data)[sent_bytes:], flags)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a part of a file."""
        self.flush()
        lead.hand_over()
        return super().sendfile(file, offset, count)
