"""Helper threads of a worker, for a request that has several things to wait for.

A pool has two uses. `for_each` divides the work of one request: its own thread works too and takes what no helper
has begun, so it never waits for a free helper, and no helper is left behind when it returns. `submit` is for work that
many requests may ask for at the same moment and that a request must be able to stop waiting for: work of one key is
done once for all of them.

What helpers ask of caches and origins is added to the trace of the request that waits for them, and they work in its
context, which has its span.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Lock
from typing import Any, Generic, TypeVar

from server.logs.trace import Cost, trace
from server.resilience.failures import copy_of

T = TypeVar("T")
R = TypeVar("R")


class Helpers:
    """At most `threads` helper threads, started at the first work. Thread-safe."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._mutex = Lock()
        self._shared: dict[str, _SharedWork] = {}

    def for_each(self, work: Callable[[T], None], items: Sequence[T]) -> None:
        """Do the work for each item, at the same time as far as helpers are free.

        Raises:
            Exception: the first error of `work`; no further item is begun after it.
        """
        task = _Task(work, items)
        helpers: list[Future[Cost]] = []
        with suppress(RuntimeError):  # the machine has no more threads, or the interpreter is ending
            helpers.extend(self._pool.submit(copy_context().run, task.run_measured) for _ in items[1:])
        try:
            task.run()
        finally:
            for helper in helpers:
                if not helper.cancel():
                    trace.request.add(helper.result())
        if task.errors:
            raise task.errors[0]

    def submit(self, key: str, work: Callable[[], R]) -> "Waiter[R]":
        """Have the work done, unless work of the same key is queued or running: then join that.

        Returns:
            The caller's own future. Cancelling it leaves the futures of other callers alone; work that was not begun is
            dropped when no caller waits for it any more.
        """
        with self._mutex:
            shared = self._shared.get(key)
            if shared is None:
                self._shared[key] = shared = _SharedWork(work)
                with suppress(RuntimeError):  # no thread was started, but the work is queued for the next free one
                    self._pool.submit(copy_context().run, self._run, key, shared)
            waiter = Waiter[R](shared)
            if shared.is_running:
                waiter.set_running_or_notify_cancel()
            shared.waiters.append(waiter)
        return waiter

    def _run(self, key: str, shared: "_SharedWork") -> None:
        with self._mutex:
            shared.waiters = [waiter for waiter in shared.waiters if waiter.set_running_or_notify_cancel()]
            shared.is_running = bool(shared.waiters)
            if not shared.is_running:
                del self._shared[key]
                return
        trace.request.reset()
        result: Any = None
        error: Exception | None = None
        try:
            result = shared.work()
        except Exception as raised:  # passed on to all that wait for the result
            error = raised
        with self._mutex:
            del self._shared[key]
        shared.cost = trace.request.cost
        for waiter in shared.waiters:
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(copy_of(error))


class _SharedWork:
    """Work of one key, queued or running."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.waiters: list[Waiter[Any]] = []
        self.is_running = False
        self.cost = Cost()

    def take_cost(self) -> Cost:
        """The cost; its origin reads for the first caller alone, so that the log counts each once."""
        cost, self.cost = self.cost, self.cost._replace(origin_reads=0)
        return cost


class Waiter(Future[R]):
    """One caller's future of shared work."""

    def __init__(self, shared: _SharedWork) -> None:
        super().__init__()
        self._shared = shared

    def result(self, timeout: float | None = None) -> R:
        """See `Future.result`; adds the cost of the work to the trace of this thread."""
        value = super().result(timeout)
        trace.request.add(self._shared.take_cost())
        return value


class _Task(Generic[T]):
    """Items that several threads work off."""

    def __init__(self, work: Callable[[T], None], items: Sequence[T]) -> None:
        self._work = work
        self._items = deque(items)
        self.errors: list[Exception] = []
        """Oldest first."""

    def run(self) -> None:
        """Take items until none is left or one has failed."""
        while not self.errors:
            try:
                item = self._items.popleft()
            except IndexError:
                return
            try:
                self._work(item)
            except Exception as error:  # raised again in the thread of the caller
                self.errors.append(error)

    def run_measured(self) -> Cost:
        """Do the same in a helper thread, whose trace begins anew."""
        trace.request.reset()
        self.run()
        return trace.request.cost
