"""A real Redis Cluster of three nodes without replicas."""

from contextlib import ExitStack
from itertools import pairwise
from types import TracebackType

from tests.support.redis import RedisServer, free_port
from tests.support.wait import wait_until

SLOTS = 16384
PASSWORD = "of-the-cluster"


class ClusterNode(RedisServer):
    """A node. While one is dead the others serve the slots that they have."""

    def __init__(self, first_slot: int, end_slot: int) -> None:
        super().__init__(PASSWORD)
        self.slots = range(first_slot, end_slot)
        self.bus_port = 0

    @property
    def id(self) -> str:
        return self.command("CLUSTER", "MYID").split(b"\r\n")[1].decode()

    @property
    def is_ready(self) -> bool:
        """True when the node has the whole slot map and serves its own slots."""
        info = self.command("CLUSTER", "INFO")
        return b"cluster_state:ok" in info and b"cluster_slots_assigned:%d" % SLOTS in info

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.bus_port = free_port()

    def _command_line(self) -> list[str]:
        cluster = ["--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)]
        return [*super()._command_line(), *cluster, "--cluster-require-full-coverage", "no"]


class RedisCluster:
    """A cluster for the length of a `with`."""

    def __init__(self, size: int = 3) -> None:
        bounds = [SLOTS * number // size for number in range(size + 1)]
        self.nodes = [ClusterNode(*pair) for pair in pairwise(bounds)]
        self._running = ExitStack()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{PASSWORD}@{hosts}"

    def node_of(self, key: str) -> ClusterNode:
        """The node that has the key as long as no slot was moved."""
        slot = self.slot_of(key)
        return next(node for node in self.nodes if slot in node.slots)

    def slot_of(self, key: str) -> int:
        return int(self.nodes[0].command("CLUSTER", "KEYSLOT", key)[1:])

    def flushall(self) -> None:
        for node in self.nodes:
            node.flushall()

    def wait_until_ready(self) -> None:
        wait_until(lambda: all(node.is_ready for node in self.nodes))

    def __enter__(self) -> "RedisCluster":
        with ExitStack() as started:
            for epoch, node in enumerate(self.nodes, start=1):
                started.enter_context(node)
                node.command("CLUSTER", "ADDSLOTSRANGE", node.slots.start, node.slots.stop - 1)
                node.command("CLUSTER", "SET-CONFIG-EPOCH", epoch)
                self.nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
            self.wait_until_ready()
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
