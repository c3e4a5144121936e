"""A progress bar on standard error, on a terminal only, and only for work of more than two seconds."""

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic
from typing import Final, TypeVar

import click

T = TypeVar("T")
R = TypeVar("R")

QUIET_S: Final = 2.0
THREADS: Final = 16
"""Files opened at the same time: most of the work is waiting for disks and origins."""


def in_parallel(work: Callable[[T], R], items: Iterable[T], label: str) -> list[R]:
    """Do the work for each item in threads; the results are in the order of the items."""
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
