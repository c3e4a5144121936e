"""Collections by a folder and by a prefix: one listing behaves as the other."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from server.collections import Query, Rule, make_rule
from server.collections.keys import key_of, name_of
from tests.support.app import ROOT, client, problem, settings
from tests.support.azure import ACCOUNT, Blobs
from tests.support.azure import KEY as ACCOUNT_KEY
from tests.support.s3 import Store
from tests.support.wait import wait_until

VALLEY = ROOT / "data" / "valley.tif"
FILES = [
    "a.tif",
    "b/x y (ä).tif",
    "b/c.TIF",
    "b/c.tif",
    "b/d.tiff.tif",
    "b/e.tiff",
    "b-1.tif",
    "~f.tif",
    "b/text.tif",
]
"""Keys of members; the last is no TIFF."""
SIDECARS = ["a.tif.aux.xml", "a.tif.ovr", "a.tfw", ".hidden.tif", "b/.hidden/x.tif", "readme.txt", "b/._c.tif"]
NAMES = [
    "a",
    "b-1",
    "b~c.TIF",
    "b~c",
    "b~d.tiff.tif",
    "b~e.tiff",
    "b~text",
    "b~x~~20y~~20~~28~~C3~~A4~~29",
    "~~7Ef",
]
"""Names of the members, in the order of the bytes of their keys."""

KEYS = {"KEY": "test", "ACCOUNT_KEY": ACCOUNT_KEY}

Put = Callable[[str, bytes], object]


@pytest.fixture(params=["folder", "s3", "gs", "az"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, store: Store, blobs: Blobs
) -> tuple[str, Put, Callable[[str], object]]:
    """Config of a collection, and functions that add and remove a file."""
    if request.param == "folder":

        def put(key: str, data: bytes) -> None:
            path = tmp_path / "files" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        (tmp_path / "files").mkdir()
        return "[collections.c]\nfolder = 'files'\n", put, lambda key: os.remove(tmp_path / "files" / key)
    prefix = f"{tmp_path.name}/+ (1)/"
    collection = f"[collections.c]\nprefix = '{request.param}://{store.bucket}/{prefix}'\nsource = 's'\n"
    if request.param == "az":
        blobs.store(store.bucket, f"{tmp_path.name}/other.tif", b"")
        source = f"[sources.s]\ntype = 'az'\nendpoint_url = '{blobs.endpoint}'\naccount = '{ACCOUNT}'\n"
        return (
            f"{source}access_key_env = 'ACCOUNT_KEY'\n{collection}",
            lambda key, data: blobs.store(store.bucket, prefix + key, data),
            lambda key: blobs.remove(f"/{ACCOUNT}/{store.bucket}/{prefix}{key}"),
        )
    store.put(f"{tmp_path.name}/other.tif", b"")
    source = f"[sources.s]\ntype = '{request.param}'\nendpoint_url = '{store.endpoint_url}'\n"
    keys = "access_key_id_env = 'KEY'\nsecret_access_key_env = 'KEY'\n" + "region = 'x'\n" * (request.param == "s3")
    return (
        f"{source}{keys}{collection}",
        lambda key, data: store.put(prefix + key, data),
        lambda key: store.client.delete_object(Bucket=store.bucket, Key=prefix + key),
    )


def rule_of(folder: Path, config: str) -> Rule:
    return make_rule(settings(folder, config, KEYS).collections["c"])


def test_the_members_are_the_tiffs_by_their_names(
    place: tuple[str, Put, Callable[[str], object]], tmp_path: Path
) -> None:
    config, put, _ = place
    for key in [*FILES, *SIDECARS]:
        put(key, b"no TIFF" if "text" in key else VALLEY.read_bytes())
    rule = rule_of(tmp_path, config)
    page = rule.page(Query())
    assert ([member.name for member in page.members], page.next, page.total) == (NAMES, None, len(NAMES))
    names: list[str] = []
    after: str | None = ""
    while after is not None:
        page = rule.page(Query(after, limit=2))
        names, after = names + [member.name for member in page.members], page.next
        assert len(page.members) <= 2
    assert names == NAMES
    assert [member.name for member in rule.page(Query(text="B C")).members] == NAMES[2:4]
    assert [member.name for member in rule.page(Query(after="b~c.zzz", limit=1)).members] == ["b~d.tiff.tif"]
    app = client(tmp_path, config, KEYS)
    for name in set(NAMES) - {"b~text"}:
        assert app.get(f"/layers/c:{name}/tiles/native/0/0/0.webp").status_code == 200, name
    assert app.get("/layers/c:b~text").status_code == 502
    for name in ("a.tif", "b~~2Fc", "~~2E~~2E~x", "b~.hidden~x", "readme.txt", "a.tif.ovr", "~~~2Fa", "a~~00"):
        assert app.get(f"/layers/c:{name}").status_code == 404, name


def test_new_files_appear_and_removed_ones_go(place: tuple[str, Put, Callable[[str], object]], tmp_path: Path) -> None:
    config, put, remove = place
    put("a.tif", VALLEY.read_bytes())
    rule = rule_of(tmp_path, f"{config}refresh_s = 1\n")
    assert [member.name for member in rule.page(Query()).members] == ["a"]
    put("b.tif", VALLEY.read_bytes())
    remove("a.tif")
    wait_until(lambda: [member.name for member in rule.page(Query()).members] == ["b"])


def test_a_pattern_selects_files(place: tuple[str, Put, Callable[[str], object]], tmp_path: Path) -> None:
    config, put, _ = place
    for key in ("2024/T31/B04.tif", "2024/T31/B05.tif", "2024/B04.tif", "B04.tif"):
        put(key, b"")
    rule = rule_of(tmp_path, f"{config}pattern = '2024/**/B04.*'\n")
    assert [member.name for member in rule.page(Query()).members] == ["2024~B04", "2024~T31~B04"]
    assert rule.find("2024~T31~B05") is None
    assert rule.find("B04") is None


def test_a_folder_that_is_not_there_is_an_error_and_stops_no_other_layer(tmp_path: Path) -> None:
    app = client(tmp_path, "[collections.c]\nfolder = 'nothing'\n")
    assert problem(app.get("/layers/c:a"), 404) == "the layer's file is not there"


def test_links_to_folders_have_an_end_and_odd_names_and_files_stop_no_list(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    for name in ("x", "xy"):
        (folder / name).mkdir(parents=True)
        shutil.copy(VALLEY, folder / name / "a.tif")
    for link, target in (("again", "."), ("x/y", "../xy"), ("xy/x", "../x"), ("self.tif", "self.tif")):
        (folder / link).symlink_to(target)
    shutil.copy(VALLEY, folder / os.fsdecode(b"\xff.tif"))
    os.mkfifo(folder / "fifo.tif")
    deep = folder / "/".join(["deep"] * 50)
    deep.mkdir(parents=True)
    shutil.copy(VALLEY, deep)
    config = "[collections.c]\nfolder = 'loop'\n"
    members = rule_of(tmp_path, config).page(Query()).members
    names = ["fifo", "self", "x~a", "x~y~a", "xy~a", "xy~x~a", "~~FF"]
    assert [member.name for member in members] == names
    reply = client(tmp_path, config).get("/layers/c")
    assert {row["title"]: row["status"] for row in reply.get_json()["layers"]}["\ufffd"] == "ok"


def test_a_pattern_of_many_folders_takes_no_time_on_a_deep_name(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    rule = rule_of(tmp_path, f"[collections.c]\nfolder = 'files'\npattern = '{'**/' * 30}b.tif'\n")
    assert rule.find("a~" * 90 + "a") is None
    assert rule.find("a~" * 90 + "b") is not None


def test_members_are_listed_by_the_time_that_their_names_state(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for name in ("2023-05", "2024-05", "2024-06", "none"):
        (tmp_path / "files" / f"{name}.tif").touch()
    folder = "[collections.c]\nfolder = 'files'\ntime = '{name}'\n"
    template = "[collections.c]\nuri = 'files/{n}.tif'\nmatch = { n = '2023-05|2024-05|2024-06' }\ntime = '{n}'\n"
    for config in (folder, template):
        query = Query(limit=1, datetime=("2024-05-31T00:00:00Z", None))
        first = rule_of(tmp_path, config).page(query)
        assert ([member.name for member in first.members], first.next) == (["2024-05"], "2024-05")
        last = rule_of(tmp_path, config).page(query._replace(after="2024-05"))
        assert ([member.name for member in last.members], last.next) == (["2024-06"], None)


@pytest.mark.parametrize("key", ["a/b.tif", "a//b.tif", "/a.tif", "a~~41.tif", "a:b.tif", "-.tif", "20/~20.TIF"])
def test_a_key_and_its_name_are_made_of_each_other(key: str) -> None:
    name = name_of(key)
    assert name is not None
    assert key_of(name) == key
