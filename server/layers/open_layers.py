"""The headers that a worker keeps parsed: bounded, since a config may name ten thousand files.

What was used longest ago is given up. Parsing it again takes a millisecond from cached blocks.
"""

from collections import OrderedDict
from threading import Lock

from server.layers.layer_version import OpenLayer


class OpenLayers:
    """Layer name -> its open version. Safe to share between threads."""

    def __init__(self, bound_bytes: int) -> None:
        self._bound_bytes = bound_bytes
        self._used_bytes = 0
        self._mutex = Lock()
        self._layers: OrderedDict[str, OpenLayer] = OrderedDict()

    def get(self, name: str) -> OpenLayer | None:
        """The version that was opened last, whether or not it is current; None if there is none, or no more."""
        with self._mutex:
            opened = self._layers.get(name)
            if opened is not None:
                self._layers.move_to_end(name)
            return opened

    def put(self, name: str, opened: OpenLayer) -> None:
        """Keep a version in place of the one before. The newest is kept even if it is larger than the bound."""
        with self._mutex:
            before = self._layers.pop(name, None)
            self._used_bytes += opened.cost_bytes - (before.cost_bytes if before is not None else 0)
            self._layers[name] = opened
            while self._used_bytes > self._bound_bytes and len(self._layers) > 1:
                _, oldest = self._layers.popitem(last=False)
                self._used_bytes -= oldest.cost_bytes
