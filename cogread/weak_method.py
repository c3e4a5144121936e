"""Methods as callbacks of an object's own parts, without a cycle of references.

An object in a cycle is freed by the garbage collector alone, which comes late: sources of many files would pile up.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

P = ParamSpec("P")
R = TypeVar("R")


def weak_method(method: Callable[P, R]) -> Callable[P, R]:
    """The method, by a weak reference to its object, which outlives the part that calls it."""
    reference = WeakMethod(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        strong = reference()
        if strong is None:
            raise ReferenceError("the object of the method is gone")
        return strong(*args, **kwargs)

    return call
