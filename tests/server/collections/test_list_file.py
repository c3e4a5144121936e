"""Collections by a text or CSV file."""

import shutil
from pathlib import Path

import pytest

from cogread.errors import CogError
from server.collections import Member, Query, Rule, make_rule
from tests.support.app import ROOT, client, layer, problem, settings
from tests.support.origin import Origin
from tests.support.wait import wait_until

VALLEY = ROOT / "data" / "valley.tif"
TILE = "tiles/native/0/0/0.webp"


def rule_of(folder: Path, place: str, more: str = "") -> Rule:
    return make_rule(settings(folder, f"[collections.c]\nlist = '{place}'\n{more}").collections["c"])


def listed(rule: Rule) -> list[Member]:
    return rule.page(Query()).members


def written(folder: Path, text: str | bytes, name: str = "list.csv") -> Rule:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return rule_of(folder, name)


@pytest.mark.parametrize(
    "text",
    [
        'name,uri,title,datetime\nnorth/a,a.tif,"Sheet, A",2024-05\nb,s3://imagery/b.tif\n',
        "\ufeffname;uri;title;datetime\r\n\r\nnorth/a;a.tif;Sheet, A;2024-05\r\nb;s3://imagery/b.tif;;\r\n",
        "north/a\ta.tif\tSheet, A\t2024-05\nb\ts3://imagery/b.tif",
        'Title,URI,other,Name,Datetime\n"Sheet, A",a.tif,x,north/a,2024-05\n,s3://imagery/b.tif,,b,\n',
    ],
    ids=["header", "byte order mark", "no header", "other order"],
)
def test_a_table_names_members(tmp_path: Path, text: str) -> None:
    first, second = sorted(listed(written(tmp_path, text)), key=lambda member: member.name, reverse=True)
    assert (first.name, first.uri.location, first.title) == ("north~a", str(tmp_path / "a.tif"), "Sheet, A")
    assert (first.datetime, first.end_datetime) == ("2024-05-01T00:00:00Z", "2024-05-31T23:59:59Z")
    assert (second.name, second.uri.location, second.title) == ("b", "s3://imagery/b.tif", None)


def test_a_text_has_a_uri_on_each_line(tmp_path: Path) -> None:
    text = "# comment\n\n  /data/x, y;1.tif \r\nhttps://maps.example.com/2024%20a/b.tif?key=1\ns3://imagery/c.tiff"
    members = listed(written(tmp_path, text, "list.txt"))
    assert {member.name: (member.uri.location, member.title) for member in members} == {
        "x~~2C~~20y~~3B1": ("/data/x, y;1.tif", "x, y;1"),
        "b": ("https://maps.example.com/2024%20a/b.tif?key=1", "b"),
        "c.tiff": ("s3://imagery/c.tiff", "c.tiff"),
    }


def test_what_is_wrong_is_told_with_its_line_and_column(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "uri,name,datetime\nok.tif,ok\n,empty\nftp://a/b.tif,scheme\na.tif,a b\nb.tif,late,yesterday\nc.tif,ok\n"
    refusals = {member.name: member.refusal for member in listed(written(tmp_path, text))}
    assert refusals.pop("ok") is None
    assert refusals["empty"] == "line 3, column 1 (uri): there is no URI"
    assert str(refusals["scheme"]).startswith("line 4, column 1 (uri): wanted a path")
    assert str(refusals["late"]).startswith("line 6, column 3 (datetime): found 'yesterday', wanted an instant")
    assert any(
        str(reason).startswith("line 5, column 2 (name): found 'a b', wanted letters") for reason in refusals.values()
    )
    assert "line 7, column 2 (name): the name 'ok' is that of line 2 too" in caplog.text


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"a,b\nc,\xff\n", "line 2 is not UTF-8"), (b'a,"b\n', "line 1: not CSV"), (b'a,b\nc,"d"e\n', "line 2: not CSV")],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(CogError, match=reason):
        listed(written(tmp_path, data))
    with pytest.raises(CogError, match="no such file"):
        listed(rule_of(tmp_path, "other.csv"))


def test_a_list_elsewhere_names_its_own_origin_and_named_hosts_alone(origin: Origin, tmp_path: Path) -> None:
    places = [
        "a.tif",
        "https://files.example.org/b.tif",
        "http://169.254.169.254/c.tif",
        "file:///etc/d.tif",
        "s3://x/e.tif",
    ]
    origin.put("/list.txt", "\n".join(places).encode())
    rule = rule_of(tmp_path, f"{origin.url}/list.txt", "hosts = ['files.example.org']")
    allowed = {member.name: (member.uri.location, member.is_own) for member in listed(rule) if not member.refusal}
    assert allowed == {"a": (f"{origin.url}/a.tif", True), "b": ("https://files.example.org/b.tif", False)}
    assert len(listed(rule)) == 5


def test_a_changed_list_is_read_again(origin: Origin, tmp_path: Path) -> None:
    origin.put("/list.csv", b"a,a.tif\n")
    rule = rule_of(tmp_path, f"{origin.url}/list.csv", "refresh_s = 1")
    assert [member.name for member in listed(rule)] == ["a"]
    origin.put("/list.csv", b"b,b.tif\n")
    wait_until(lambda: [member.name for member in listed(rule)] == ["b"])


def test_a_row_is_a_layer(tmp_path: Path) -> None:
    shutil.copy(VALLEY, tmp_path / "a.tif")
    (tmp_path / "list.csv").write_text("name,uri,title\nnorth,a.tif,The north\nbad,ftp://word@x/y.tif\n")
    app = client(tmp_path, layer("valley", VALLEY) + "[collections.c]\nlist = 'list.csv'\n")
    assert app.get(f"/layers/c:north/{TILE}").data == app.get(f"/layers/valley/{TILE}").data
    assert app.get("/layers/c:north").get_json()["title"] == "The north"
    detail = problem(app.get("/layers/c:bad"), 404)
    assert "is no layer: line 3, column 2 (uri)" in detail
    assert "word" not in detail
