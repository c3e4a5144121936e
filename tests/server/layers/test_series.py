"""The times of a collection while its members are being listed."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from cogread.deadline import Deadline
from cogread.sources import SourceUri
from server.cache.lru import ByteLru
from server.collections import Query, refreshed
from server.collections.key_rule import KeyRule
from server.http.errors import ListUnavailable
from server.layers.collection import Collection
from server.layers.layer import Layer
from server.layers.series import Series
from server.settings.layer_config import LayerConfig
from tests.support.app import settings
from tests.support.wait import wait_until


def no_layer(_config: LayerConfig) -> Layer:
    raise NotImplementedError


def test_half_a_list_gives_no_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshed, "PATIENCE_S", 0.05)
    is_listed = Event()

    def listed(_deadline: Deadline) -> Iterator[str]:
        yield "2018.tif"
        is_listed.wait(20)
        yield "2024.tif"

    (tmp_path / "files").mkdir()
    text = "[collections.c]\nfolder = 'files'\ntime = '{name}'\n"
    config = settings(tmp_path, text).collections["c"]
    rule = KeyRule(config, lambda key: SourceUri("file", f"/files/{key}"), listed)
    series = Series(Collection(config, rule, no_layer, ByteLru(1 << 20)))
    with pytest.raises(ListUnavailable, match="still being read"):
        series.labels()
    is_listed.set()
    wait_until(lambda: rule.page(Query()).total == 2)
    assert series.labels() == ("2018", "2024")
