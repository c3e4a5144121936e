from collections.abc import Iterator

import pytest

from tests.support.chromium import Chromium
from tests.support.mapsite import MapSite


@pytest.fixture(scope="package")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def site() -> Iterator[MapSite]:
    with MapSite() as running:
        yield running
