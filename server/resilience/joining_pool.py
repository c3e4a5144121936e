"""A few threads for work that many may ask for at the same moment: what is under way is joined, not repeated."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class JoiningPool(Generic[T]):
    """A pool whose threads, however many ask, are no more than `threads`. They are started at the first work."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._mutex = Lock()
        self._under_way: dict[str, Future[T]] = {}

    def submit(self, key: str, work: Callable[[], T]) -> Future[T]:
        """Have the work done, unless work of the same key waits or runs already: then that one's future."""
        with self._mutex:
            future = self._under_way.get(key)
            if future is None:
                future = self._under_way[key] = self._pool.submit(work)
                future.add_done_callback(partial(self._forget, key))
            return future

    def _forget(self, key: str, done: Future[T]) -> None:
        self._under_way.pop(key, None)  # without the mutex: `submit` calls this itself where the work is done by then
