"""Methods as callbacks of an object's own parts, without a cycle of references.

An object in a cycle is freed by the garbage collector alone, which comes late: sources of many files would pile up.
"""

from collections.abc import Callable
from types import MethodType
from typing import Concatenate, Generic, ParamSpec, TypeVar
from weakref import ref

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


class WeakMethod(Generic[S, P, R]):
    """A method by a weak reference to its object; smaller than `weakref.WeakMethod`, as each file has several."""

    __slots__ = ("_function", "_reference")

    def __init__(self, owner: S, function: Callable[Concatenate[S, P], R]) -> None:
        """Make it.

        Args:
            owner: the object, which outlives the part that calls the method.
            function: of its class.
        """
        self._reference, self._function = ref(owner), function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the method."""
        owner = self._reference()
        if owner is None:
            raise ReferenceError("the object of the method is gone")
        return self._function(owner, *args, **kwargs)


def weak_method(method: Callable[P, R]) -> Callable[P, R]:
    """The bound method, by a weak reference to its object."""
    if not isinstance(method, MethodType):
        raise TypeError(f"found {method!r}, wanted a bound method")
    return WeakMethod(method.__self__, method.__func__)
