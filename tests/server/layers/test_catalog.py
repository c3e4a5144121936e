"""Layers that share the memory for open layer versions."""

import gc
import tracemalloc
import weakref
from pathlib import Path

import pytest

from cogread.deadline import Deadline
from server import create_app
from tests.support.app import ROOT, anonymous, client, layer, settings
from tests.support.tiffs import gdal_tiff

WORLD = ROOT / "data" / "world.tif"


def test_all_layers_are_served_where_memory_holds_the_headers_of_few(tmp_path: Path) -> None:
    names = [f"layer{number}" for number in range(60)]
    tables = "".join(layer(name, WORLD) for name in names)
    app = client(tmp_path, f"[server]\nmemory_bytes = {1 << 20}\n{tables}")
    replies = [app.get(f"/layers/{name}/tiles/native/0/0/0.jpg") for name in names * 2]
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.data for reply in replies}) == 1


def test_the_stated_cost_of_an_open_layer_version_is_its_memory(tmp_path: Path) -> None:
    """Within a half: the bound of a worker's memory is the sum of such costs."""
    (tmp_path / "a.tif").write_bytes(gdal_tiff("jpeg-mask"))
    files = {"plain": tmp_path / "a.tif", "large": WORLD}
    tables = "".join(layer(f"{name}{number}", path) for name, path in files.items() for number in range(21))
    catalog = client(tmp_path, tables).application.extensions["rawcog"].catalog
    for name in files:
        catalog.layer(f"{name}0", anonymous()).open(Deadline.after(60))
        tracemalloc.start()
        versions = [catalog.layer(f"{name}{number}", anonymous()).open(Deadline.after(60)) for number in range(1, 21)]
        used_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        stated_bytes = sum(version.cost_bytes for version in versions)
        assert 0.67 < used_bytes / stated_bytes < 1.5, name


@pytest.mark.parametrize("place", ["/files", "s3://bucket", "https://127.0.0.1:9"])
def test_a_member_that_is_evicted_is_freed_without_the_garbage_collector(place: str, tmp_path: Path) -> None:
    """That comes late: a scan of names would take the memory of tens of thousands of layers before."""
    app = client(tmp_path, f"[server]\nmemory_bytes = {1 << 20}\n[collections.c]\nuri = '{place}/{{name}}.tif'\n")
    collection = app.application.extensions["rawcog"].catalog.get_collection("c")
    gc.collect()
    gc.disable()
    try:
        first = weakref.ref(collection["first"].source)
        for number in range(20):
            assert collection[f"other{number}"].config.name == f"c:other{number}"
        assert first() is None
    finally:
        gc.enable()


def test_a_layer_that_is_not_open_takes_less_than_eight_kilobytes(tmp_path: Path) -> None:
    """A worker holds all layers of its config, up to 10,000."""
    count = 200
    config = settings(tmp_path, "".join(layer(f"layer{number}", WORLD) for number in range(count)))
    create_app(config)  # what an app does once
    gc.collect()
    tracemalloc.start()
    app = create_app(config)
    gc.collect()
    used_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert app
    assert used_bytes / count < 8000
