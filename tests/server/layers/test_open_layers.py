"""The bound of the headers that are kept parsed."""

from pathlib import Path

from cogread.reader import read_cog
from cogread.sources import open_source
from server.layers.layer_version import OpenLayer
from server.layers.open_layers import OpenLayers
from tests.support.app import ROOT, client, layer

WORLD = ROOT / "data" / "world.tif"


def opened() -> OpenLayer:
    return OpenLayer(read_cog(open_source(str(WORLD))))


def test_what_was_used_longest_ago_is_given_up() -> None:
    kept = OpenLayers(3 * opened().cost_bytes)
    for name in "abc":
        kept.put(name, opened())
    kept.get("a")
    kept.put("d", opened())
    assert [name for name in "abcd" if kept.get(name) is None] == ["b"]


def test_a_new_version_takes_the_place_of_the_one_before() -> None:
    kept = OpenLayers(3 * opened().cost_bytes)
    kept.put("b", opened())
    for _ in range(5):
        kept.put("a", opened())
    assert kept.get("b") is not None


def test_a_header_larger_than_the_bound_is_kept_alone() -> None:
    kept = OpenLayers(1)
    for name in "ab":
        kept.put(name, opened())
    assert kept.get("a") is None
    assert kept.get("b") is not None


def test_all_layers_are_served_where_memory_holds_the_headers_of_few(tmp_path: Path) -> None:
    names = [f"layer{number}" for number in range(60)]
    tables = "".join(layer(name, WORLD) for name in names)
    app = client(tmp_path, f"[server]\nmemory_bytes = {1 << 20}\n{tables}")
    replies = [app.get(f"/layers/{name}/tiles/native/0/0/0.jpg") for name in names * 2]
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.data for reply in replies}) == 1
