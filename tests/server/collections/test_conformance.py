"""Conformance of every rule that can be listed."""

import json
from pathlib import Path

import pytest

from server.collections import Member, Query, Rule, make_rule
from server.settings.collections import MEMBER_NAME
from tests.support.app import settings
from tests.support.stac import item, items

NAMES = ("a", "b", "c", "d", "e")
CONFIGS = {
    "template": "uri = 'files/{name}.tif'\nmatch = { name = 'c|a|b|e|d' }",
    "folder": "folder = 'files'",
    "stac": "stac = 'items.json'",
    "csv": "list = 'list.csv'",
    "text": "list = 'list.txt'",
}


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def rule(request: pytest.FixtureRequest, tmp_path: Path) -> Rule:
    files = [f"files/{name}.tif" for name in reversed(NAMES)]
    (tmp_path / "files").mkdir()
    for file in files:
        (tmp_path / file).write_bytes(b"")
    features = [item(name, file) for name, file in zip(reversed(NAMES), files, strict=True)]
    (tmp_path / "items.json").write_text(json.dumps(items(*features)))
    (tmp_path / "list.csv").write_text("".join(f"{name},files/{name}.tif\n" for name in reversed(NAMES)))
    (tmp_path / "list.txt").write_text("\n".join(files))
    return make_rule(settings(tmp_path, f"[collections.c]\n{request.param}\n").collections["c"])


def listed(rule: Rule, limit: int, text: str = "") -> list[Member]:
    """All members, by pages of this length."""
    members: list[Member] = []
    after: str | None = ""
    while after is not None:
        page = rule.page(Query(after=after, limit=limit, text=text))
        assert len(page.members) <= limit
        assert page.total in (None, len(NAMES)) or text
        members += page.members
        after = page.next
    return members


@pytest.mark.parametrize("limit", [1, 2, 5, 1000])
def test_pages_have_each_member_once_in_one_order(rule: Rule, limit: int) -> None:
    assert rule.is_listable
    assert [member.name for member in listed(rule, limit)] == list(NAMES)
    assert [member.name for member in listed(rule, limit, "C")] == ["c"]


def test_a_page_may_begin_behind_a_name_that_is_gone(rule: Rule) -> None:
    assert [member.name for member in rule.page(Query(after="bb")).members] == ["c", "d", "e"]


def test_a_listed_member_is_found_by_its_name_and_holds(rule: Rule, tmp_path: Path) -> None:
    for member in listed(rule, 3):
        assert MEMBER_NAME.fullmatch(member.name)
        assert member.uri.location == str(tmp_path / "files" / f"{member.name}.tif")
        found_again = rule.find(member.name)
        assert found_again is not None
        assert (found_again.uri, found_again.parts) == (member.uri, member.parts)
        assert set(member.parts) == set(rule.parts)
        assert rule.holds(member)


def test_other_names_are_no_members_of_what_is_listed(rule: Rule) -> None:
    for name in ("a~b", "A", "a.tif", "..", "~etc~passwd"):
        member = rule.find(name)
        assert member is None or (rule.is_fixed and "/files/" in member.uri.location)
