"""Replies with the file of a layer, whole or in ranges, within bounds that leave threads and memory to tiles."""

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain, repeat
from typing import Final

from cogread.byterange import ByteRange, Version
from cogread.deadline import Deadline
from cogread.sources.gather import gather
from server.file.body import PIECE_BYTES, FileBody
from server.file.plan import FilePlan, plan_reply
from server.http.conditions import Field
from server.http.errors import ServerBusy
from server.layers.layer import Layer
from server.layers.layer_version import LayerVersion
from server.resilience.bulkhead import Bulkhead
from server.resilience.inflight import MemoryBudget

LONGEST_BYTES: Final = 4 * PIECE_BYTES
"""Bytes of a piece of a remote file while few are sent: with an origin of 50 ms, 80 MB/s for a client."""

SHARES: Final = {PIECE_BYTES: 2 * PIECE_BYTES, LONGEST_BYTES: LONGEST_BYTES}
"""Size of pieces -> memory of a long reply on its way."""

BUDGET_S: Final = 12.0
"""Longest time of each piece after the first, as of a whole request for a tile."""


class Files:
    """The files of all layers. Thread-safe."""

    def __init__(self, memory: MemoryBudget, inflight_bytes: int, threads: int) -> None:
        """Make the service.

        Args:
            memory: for the bytes in flight.
            inflight_bytes: bound of the memory, of which half is for tiles.
            threads: of the worker.
        """
        self._memory = memory
        busy = partial(ServerBusy, "as many files are being sent as may at the same time: try again")
        self._downloads = Bulkhead(max(1, inflight_bytes // (2 * SHARES[PIECE_BYTES])), busy)
        self._fast = Bulkhead(inflight_bytes // (4 * SHARES[LONGEST_BYTES]), busy, self._downloads)
        self._by_threads = Bulkhead(max(1, threads // 4), busy, self._downloads)

    def reply(
        self,
        layer: Layer,
        opened: LayerVersion,
        field: Field,
        deadline: Deadline,
        *,
        is_head: bool,
        is_versioned: bool,
        takes_thread: bool,
    ) -> tuple[FilePlan, Iterable[bytes]]:
        """Plan the reply, and read its body, or the first piece of a long one.

        Args:
            layer: the layer.
            opened: its version.
            field: fields of the request.
            deadline: of all reads before the reply begins.
            is_head: whether the body is left out.
            is_versioned: whether the URL names the version.
            takes_thread: whether a thread of requests sends a long body.

        Raises:
            PreconditionFailed, RangeNotSatisfiable: as `plan_reply`.
            ServerBusy: no memory is free, or too many files are being sent.
            SourceChanged: the file was replaced; nothing was sent.
            CogError: the file cannot be read.
        """
        source, version = layer.source, opened.cog.version
        policy = layer.immutable_headers if is_versioned else layer.headers
        plan = plan_reply(field, is_head, version, source.is_local, policy)
        if is_head or not plan.parts:
            return plan, ()
        if plan.size_bytes > PIECE_BYTES:
            return plan, self._stream(layer, plan, version, deadline, takes_thread)
        ranges = [part for part in plan.parts if isinstance(part, ByteRange)]
        read = iter(gather(ranges, lambda wanted: source.ranges.read(wanted, version, deadline)))
        return plan, [b"".join(part if isinstance(part, bytes) else next(read) or b"" for part in plan.parts)]

    def _stream(
        self, layer: Layer, plan: FilePlan, version: Version, deadline: Deadline, takes_thread: bool
    ) -> FileBody:
        deadlines = chain([deadline], map(Deadline.after, repeat(BUDGET_S)))

        def read(wanted: ByteRange) -> bytes:
            return layer.source.ranges.read_uncached(wanted, version, next(deadlines))

        held = ExitStack()
        try:
            longest_bytes = self._enter(held, layer.source.is_local, takes_thread)
            held.callback(self._memory.take(SHARES[longest_bytes], deadline).close)
            return FileBody(layer.config.name, plan.parts, longest_bytes, layer.source.ranges.turns, read, held.close)
        except BaseException:
            held.close()
            raise

    def _enter(self, held: ExitStack, is_local: bool, takes_thread: bool) -> int:
        """Take a place among the downloads; returns the size of its pieces."""
        at_once = Deadline.after(0)
        if not is_local and not takes_thread:
            with suppress(ServerBusy):
                held.enter_context(self._fast.entered(at_once))
                return LONGEST_BYTES
        held.enter_context((self._by_threads if takes_thread else self._downloads).entered(at_once))
        return PIECE_BYTES
