"""The state of a worker that ends, for the app, which gunicorn does not tell."""

from threading import Event
from typing import Final

ending: Final = Event()
"""Set when the worker accepts no more connections."""
