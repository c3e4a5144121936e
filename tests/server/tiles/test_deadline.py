"""A request has one deadline, however many of its steps wait for the origin."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.sources.http_client.range_source import RangeSource
from tests.support.app import client, layer
from tests.support.origin import Origin
from tests.support.tiffs import gdal_tiff

FILE: Final = gdal_tiff("jpeg-ycbcr")
XYZ: Final = "/layers/a/tiles/native/1/1/0.jpg"
OGC: Final = "/collections/a/map/tiles/native/1/0/1"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as origin:
        origin.put("/a.tif", FILE)
        yield origin


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The deadline of each read of the origin, oldest first."""
    deadlines: list[float] = []
    read = RangeSource.read

    def recording(
        source: Any, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER
    ) -> SourceBytes:
        deadlines.append(deadline.at_s)
        return read(source, wanted, expect, deadline)

    monkeypatch.setattr(RangeSource, "read", recording)
    return deadlines


@pytest.mark.parametrize("url", [XYZ, OGC])
def test_header_and_tile_are_read_before_the_same_deadline(
    url: str, origin: Origin, deadlines: list[float], tmp_path: Path
) -> None:
    assert client(tmp_path, layer("a", f"{origin.url}/a.tif")).get(url).status_code == 200
    assert len(deadlines) > 1
    assert len(set(deadlines)) == 1


@pytest.mark.parametrize("has_reply", [False, True])
def test_a_tile_of_a_replaced_file_is_read_before_the_deadline_of_the_check_that_met_it(
    *, has_reply: bool, origin: Origin, deadlines: list[float], tmp_path: Path
) -> None:
    app = client(tmp_path, "[server]\nrevalidate_s = 0\n" + layer("a", f"{origin.url}/a.tif"))
    for _ in range(3 if has_reply else 1):
        assert app.get(XYZ).status_code == 200
    origin.put("/a.tif", FILE + b"another version")
    deadlines.clear()
    assert app.get(XYZ).status_code == 200
    assert len(deadlines) > 1
    assert len(set(deadlines)) == 1
