"""Progress on standard error, only for work of more than two seconds."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic
from typing import Final, TypeVar

import click

T = TypeVar("T")
R = TypeVar("R")

QUIET_S: Final = 2.0
_REDRAW_S: Final = 0.2
_LINE_S: Final = 30.0
_AHEAD: Final = 64
"""Items that are begun before the first of them is needed."""
THREADS: Final = 16
"""Files opened at the same time: most of the work is waiting for disks and origins."""


def in_parallel(work: Callable[[T], R], items: Iterable[T], label: str) -> list[R]:
    """Do the work for each item in threads, with a bar on a terminal; the results are in the order of the items."""
    todo, results, began_s = list(items), [], monotonic()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)  # an interrupt does not wait for the rest
        bar = None
        for result in pool.map(work, todo):
            results.append(result)
            if bar is not None:
                bar.update(1)
            elif monotonic() - began_s > QUIET_S and sys.stderr.isatty():
                bar = stack.enter_context(click.progressbar(length=len(todo), label=label, file=sys.stderr))
                bar.update(len(results))
    return results


def in_order(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Do the work for each item in threads, in the order of the items, of which few are ahead."""
    pool = ThreadPoolExecutor(threads)
    try:
        pending: deque[Future[R]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for those that are ahead


class Meter:
    """Progress with rate and time left: a line that changes on a terminal, else a line each half minute."""

    def __init__(self, label: str, unit: str, clock: Callable[[], float] = monotonic) -> None:
        """Begin to measure.

        Args:
            label: the work.
            unit: of the things to do, in the plural.
            clock: monotonic seconds.
        """
        self._label, self._unit, self._clock = label, unit, clock
        self._began_s = self._shown_s = clock()
        self._first: int | None = None
        self._is_terminal = sys.stderr.isatty()
        self._is_shown = False

    def show(self, done: int, total: int, size_bytes: int = 0) -> None:
        """Show progress.

        Args:
            done: things that are done, at the first call by earlier runs.
            total: all of them.
            size_bytes: bytes of those that this run did.
        """
        now = self._clock()
        if self._first is None:
            self._first = done
        if now - self._began_s < QUIET_S or now - self._shown_s < (_REDRAW_S if self._is_terminal else _LINE_S):
            return
        self._shown_s, self._is_shown = now, True
        click.echo(self._text(done, total, size_bytes, now), err=True, nl=not self._is_terminal)

    def close(self) -> None:
        """End the line of a terminal."""
        if self._is_shown and self._is_terminal:
            click.echo(err=True)

    def _text(self, done: int, total: int, size_bytes: int, now: float) -> str:
        elapsed_s, did = now - self._began_s, done - (self._first or 0)
        left = f", {duration(elapsed_s * (total - done) / did)} left" if did else ""
        rate = f"{did / elapsed_s:,.0f} {self._unit}/s"
        if size_bytes:
            rate += f", {size_bytes / elapsed_s / 1e6:,.1f} MB/s"
        text = f"{self._label}: {done:,} of {total:,} {self._unit} ({done / max(1, total):.0%}), {rate}{left}"
        return f"\r{text}\x1b[K" if self._is_terminal else text


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
