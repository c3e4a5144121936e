"""A real Redis with a replica and a sentinel that watches over them, each kind with a password of its own."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from tests.support.redis import RedisServer
from tests.support.wait import wait_until

SERVICE = "tiles"
PASSWORD = "of-the-servers"
SENTINEL_PASSWORD = "of-the-sentinel"

CONFIGURATION = """
requirepass {SENTINEL_PASSWORD}
sentinel monitor {SERVICE} 127.0.0.1 {port} 1
sentinel auth-pass {SERVICE} {PASSWORD}
sentinel down-after-milliseconds {SERVICE} 60000
sentinel failover-timeout {SERVICE} 2000
"""


class SentinelServer(RedisServer):
    """The sentinel. It is asked through redis-py, as it does not know QUIT."""

    def __init__(self, master: RedisServer) -> None:
        super().__init__()
        self._master = master

    @property
    def client(self) -> Any:
        return redis.Redis(port=self.port, password=SENTINEL_PASSWORD, socket_timeout=10, decode_responses=True)

    def ask(self, *words: str | int) -> Any:
        with self.client as client:
            return client.execute_command("SENTINEL", *words)

    @property
    def master_port(self) -> int:
        return int(self.ask("GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def _ping(self) -> None:
        with self.client as client:
            client.ping()

    def _command_line(self) -> list[str]:
        text = CONFIGURATION.format(**globals(), port=self._master.port)
        path = Path(self._folder.name) / "sentinel.conf"
        path.write_text(f"port {self.port}\nbind 127.0.0.1\n{text}")
        return [super()._command_line()[0], str(path), "--sentinel"]


class WatchedRedis:
    """Master, replica and sentinel for the length of a `with`."""

    def __init__(self) -> None:
        self.master = _server()
        self.replica = _server()
        self.sentinel = SentinelServer(self.master)
        self._running = ExitStack()

    @property
    def url(self) -> str:
        place = f"127.0.0.1:{self.sentinel.port}/{SERVICE}"
        return f"redis+sentinel://:{PASSWORD}@{place}?sentinel_password={SENTINEL_PASSWORD}"

    def flushall(self) -> None:
        self.master.flushall()

    def kill_master(self) -> None:
        """Let the master crash. The sentinel takes a second or two to make the replica the next."""
        self.sentinel.ask("SET", SERVICE, "down-after-milliseconds", 500)
        self.master.kill()

    def wait_until_replicated(self) -> None:
        """Wait until the replica has what was written before."""
        wait_until(lambda: b"master_link_status:up" in self.replica.command("INFO", "replication"))
        size = self.master.command("DBSIZE")
        wait_until(lambda: self.replica.command("DBSIZE") == size)

    def __enter__(self) -> "WatchedRedis":
        with ExitStack() as started:
            for server in (self.master, self.replica):
                started.enter_context(server)
            self.replica.command("REPLICAOF", "127.0.0.1", self.master.port)
            wait_until(lambda: b"master_link_status:up" in self.replica.command("INFO", "replication"))
            started.enter_context(self.sentinel)
            wait_until(lambda: len(self.sentinel.ask("REPLICAS", SERVICE)) == 1)
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()


def _server() -> RedisServer:
    return RedisServer(PASSWORD, ("--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"))
