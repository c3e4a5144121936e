"""The text that the log has of a reload."""

from pathlib import Path

import pytest

from server.settings.changes import describe_changes
from tests.support.app import layer, settings

ORIGIN = "[sources.a]\ntype = 'http'\nbearer_token_env = 'TOKEN'\n"
OF_FOLDER = "[collections.c]\nfolder = 'files'\n"
OF_LIST = "[collections.c]\nlist = 'list.csv'\nsource = 'a'\n"
OF_ORIGIN = layer("a", "http://h/a.tif", "source = 'a'")


@pytest.mark.parametrize(
    ("before", "after", "described"),
    [
        ("", "", "nothing changed"),
        (layer("a", "a") + layer("b", "b"), layer("b", "b") + layer("c", "c"), "layers added: c; layers removed: a"),
        (layer("a", "a"), layer("a", "b", "title = 'A'\nmax_age_s = 1"), "layers changed: a (title, uri, max_age_s)"),
        (ORIGIN + OF_ORIGIN, f"{ORIGIN}read_timeout_s = 2\n{OF_ORIGIN}", "layers changed: a (source)"),
        (OF_FOLDER, OF_FOLDER.replace("files", "other"), "collections changed: c"),
        (ORIGIN + OF_LIST, f"{ORIGIN}read_timeout_s = 2\n{OF_LIST}", "collections changed: c"),
        (
            "[tokens.a]\nenv = 'TOKEN'\nlayers = ['b*', 'c*']\n[tokens.d]\nenv = 'OTHER'\nlayers = []",
            "[tokens.a]\nenv = 'TOKEN'\nlayers = ['b*']\n[tokens.d]\nenv = 'OTHER'\nlayers = []",
            "tokens changed: a",
        ),
        ("", "[server]\ntitle = 'T'\nrevalidate_s = 1", "settings changed: server.title, server.revalidate_s"),
        (
            "",
            "".join(layer(f"l{number}", "a") for number in range(1234)),
            "layers added: l0, l1, l2, l3, l4, l5, l6, l7, l8, l9 and 1,224 more",
        ),
    ],
)
def test_a_change_is_named(before: str, after: str, described: str, tmp_path: Path) -> None:
    secret = {"TOKEN": "s3cret-of-the-tests", "OTHER": "another-s3cret-of-the-tests"}
    assert describe_changes(settings(tmp_path, before, secret), settings(tmp_path, after, secret)) == described


def test_new_credentials_are_not_shown(tmp_path: Path) -> None:
    old, new = (settings(tmp_path, ORIGIN + OF_ORIGIN, {"TOKEN": token}) for token in ("s3cret-1", "s3cret-2"))
    assert describe_changes(old, new) == "layers changed: a (source)"
