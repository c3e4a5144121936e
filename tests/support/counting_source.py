"""Sources in memory that act like far ones, count what is asked of them, and fail when told to."""

import threading
from collections.abc import Callable

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from tests.support.memory_source import MemorySource


class CountingSource(MemorySource):
    """Not local; notes every read and probe."""

    is_local = False

    def __init__(self, data: bytes) -> None:
        super().__init__(data, "origin")
        self.reads: list[ByteRange] = []
        self.probes = 0
        self.on_read: Callable[[ByteRange], None] = lambda wanted: None
        self._mutex = threading.Lock()

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        with self._mutex:
            self.reads.append(wanted)
        self.on_read(wanted)
        return super().read(wanted, expect, deadline)

    def version(self, deadline: Deadline = NEVER) -> Version:
        with self._mutex:
            self.probes += 1
        return super().version(deadline)


def run_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(0..count-1)` at the same time; raises the first error of a thread."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "threads hang"
    if errors:
        raise errors[0]
