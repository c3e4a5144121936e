"""A list of layers with the outcomes of summarizing them."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Generic, NamedTuple, Protocol, TypeVar

from cogread.byterange import Version
from cogread.deadline import Deadline
from cogread.errors import CogError
from server.layers.layer import Layer


class Summary(Protocol):
    """Facts about a layer version, as msgspec encodes them."""

    @property
    def is_complete(self) -> bool:
        """False: a part failed, and another try may give it."""


S = TypeVar("S", bound=Summary)


class Outcome(NamedTuple):
    """Result of summarizing a layer version."""

    version: Version
    encoded: bytes | CogError
    lifetime: Deadline
    """Another try is due once it has expired."""
    serial: int
    """Number in the worker."""


class Listing(Generic[S]):
    """Some layers, in order: each with the summary of its current version, its error, or None.

    None: the layer is not opened yet. Each summary is decoded when an iterator comes to it.
    """

    def __init__(
        self, outcomes: Sequence[tuple[Layer, Outcome | CogError | None]], decode: Callable[[bytes], S]
    ) -> None:
        self._outcomes, self._decode = outcomes, decode

    def __iter__(self) -> Iterator[tuple[Layer, S | CogError | None]]:
        return ((layer, self._decoded(outcome)) for layer, outcome in self._outcomes)

    def _decoded(self, outcome: Outcome | CogError | None) -> S | CogError | None:
        result = outcome.encoded if isinstance(outcome, Outcome) else outcome
        return self._decode(result) if isinstance(result, bytes) else result

    @property
    def key(self) -> str:
        """The part of the keys of documents that stands for the layers and all that is listed of them."""
        states = [
            (layer.serial, outcome.serial if isinstance(outcome, Outcome) else repr(outcome))
            for layer, outcome in self._outcomes
        ]
        return blake2b(repr(states).encode()).hexdigest()
