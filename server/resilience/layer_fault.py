"""The boundary around one layer: a fault of its file costs that layer alone.

Everything made from one layer (its header, its entry in a list, a document, a tile) is made within `one_layer` or an
equivalent `except`. An unforeseen exception becomes an error of the layer, and its cause goes to the log.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cogread.errors import CogError
from server.http.errors import LayerFault, ServerError

logger = logging.getLogger(__name__)

LOG_AGAIN_S: Final = 60.0
"""Pause before the same error of a layer is logged again: a list that is polled would fill the log."""
MOST_LOGGED: Final = 1024

_logged: Final[dict[tuple[str, str], float]] = {}
"""(layer, error) -> instant of `time.monotonic()` at which it was logged."""


@contextmanager
def one_layer(name: str) -> Iterator[None]:
    """Make something from one layer.

    Raises:
        CogError: a fault of the file; `LayerFault` for an unforeseen exception.
        ServerError: the layer has no such thing.
    """
    try:
        yield
    except (CogError, ServerError):
        raise
    except Exception as error:
        raise layer_fault(name, error) from error


def layer_fault(name: str, error: Exception) -> LayerFault:
    """The error of a layer for an unforeseen exception, whose traceback is logged."""
    fault, now_s = LayerFault(f"{type(error).__name__}: {error}"), time.monotonic()
    if now_s - _logged.get((name, str(fault)), -LOG_AGAIN_S) >= LOG_AGAIN_S:
        if len(_logged) >= MOST_LOGGED:
            _logged.clear()
        _logged[name, str(fault)] = now_s
        logger.error("layer %r: an error that was not foreseen", name, exc_info=error)
    return fault
