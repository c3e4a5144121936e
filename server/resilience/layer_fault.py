"""The boundary around one layer: whatever is wrong with its file costs that layer alone.

Everything that is built of one layer (its header, its entry in a list, a document, a tile) is built within `one_layer`
or an equivalent `except`. An exception that was not foreseen becomes an error of the layer, and its cause goes to the
log.
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
"""How long the same error of a layer is not logged again: a list that is polled would fill the log."""
MOST_LOGGED: Final = 1024

_logged: Final[dict[tuple[str, str], float]] = {}
"""(layer, error) -> instant of `time.monotonic()` at which it was logged."""


@contextmanager
def one_layer(name: str) -> Iterator[None]:
    """Build something of one layer.

    Raises:
        CogError: what went wrong with the file; `LayerFault` if it was not foreseen.
        ServerError: the layer has no such thing.
    """
    try:
        yield
    except (CogError, ServerError):
        raise
    except Exception as error:
        raise layer_fault(name, error) from error


def layer_fault(name: str, error: Exception) -> LayerFault:
    """The error of a layer for an exception that was not foreseen; logs its traceback."""
    fault, now_s = LayerFault(f"{type(error).__name__}: {error}"), time.monotonic()
    if now_s - _logged.get((name, str(fault)), -LOG_AGAIN_S) >= LOG_AGAIN_S:
        if len(_logged) >= MOST_LOGGED:
            _logged.clear()
        _logged[name, str(fault)] = now_s
        logger.error("layer %r: an error that was not foreseen", name, exc_info=error)
    return fault
