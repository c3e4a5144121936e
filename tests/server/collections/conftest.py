import logging
from collections.abc import Iterator

import pytest

from tests.support.azure import Blobs
from tests.support.origin import Origin
from tests.support.s3 import Store, running_store


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture
def other() -> Iterator[Origin]:
    """An origin that nothing may ask."""
    with Origin() as running:
        yield running
        assert not running.requests
        assert not running.connections


@pytest.fixture
def blobs() -> Iterator[Blobs]:
    with Blobs() as running:
        yield running


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    with running_store() as running:
        yield running


@pytest.fixture(autouse=True)
def _level() -> None:
    """Let `caplog` see INFO too."""
    logging.getLogger("server").setLevel("INFO")
