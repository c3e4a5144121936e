"""The boundary around one layer: a fault of its file costs that layer alone.

Everything made from one layer (its header, its entry in a list, a document, a tile) is made within `one_layer` or an
equivalent `except`. An unforeseen exception becomes an error of the layer, and its cause goes to the log.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cogread.deadline import Deadline
from cogread.errors import CogError
from server.http.errors import LayerFault, ServerError

logger = logging.getLogger(__name__)

LOG_AGAIN_S: Final = 60.0
"""Pause before the same error of a layer is logged again: a list that is polled would fill the log."""
MOST_LOGGED: Final = 1024

_pauses: Final[dict[tuple[str, str], Deadline]] = {}
"""(layer, error) -> end of the pause before it is logged again."""


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
    fault = LayerFault(f"{type(error).__name__}: {error}")
    pause = _pauses.get((name, str(fault)))
    if pause is None or pause.is_expired:
        if len(_pauses) >= MOST_LOGGED:
            _pauses.clear()
        _pauses[name, str(fault)] = Deadline.after(LOG_AGAIN_S)
        logger.error("layer %r: an error that was not foreseen", name, exc_info=error)
    return fault
