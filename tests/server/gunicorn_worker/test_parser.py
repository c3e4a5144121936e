"""gunicorn's C parser serves where a release is installed that the tests have seen, and no other."""

import tomllib

import pytest
from gunicorn.config import Config
from packaging.requirements import Requirement

from server.gunicorn_worker import parser
from tests.support.gunicorn import ROOT


@pytest.mark.parametrize(
    ("release", "expected"),
    [("0.6.9", "python"), ("0.6.10", "auto"), ("0.6.14", "auto"), ("0.7.0", "python"), ("0.6.10rc1", "python")],
)
def test_only_tested_releases_are_taken(release: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra installs the same."""
    monkeypatch.setattr(parser, "release", release)
    assert parser.http_parser() == expected
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert Requirement(extras["fast"][0]).specifier.contains(release, prereleases=True) == (expected == "auto")


def test_a_server_without_the_package_has_the_python_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "release", "")
    assert parser.http_parser() == "python"


@pytest.mark.parametrize(
    ("release", "flag", "reason"),
    [
        ("", None, "found no gunicorn_h1c, wanted >=0.6.10,<0.7, which the extra rawcog[fast] installs"),
        ("0.6.9", None, "found gunicorn_h1c 0.6.9, wanted >=0.6.10,<0.7, which the extra rawcog[fast] installs"),
        ("0.6.10", None, ""),
        ("0.6.10", "permit_obsolete_folding", "wanted neither --permit-obsolete-folding nor --strip-header-spaces"),
        ("0.6.10", "strip_header_spaces", "wanted neither --permit-obsolete-folding nor --strip-header-spaces"),
    ],
)
def test_a_demand_for_the_c_parser_that_cannot_be_met_is_told(
    release: str, flag: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gunicorn itself would reply to each request with 500."""
    monkeypatch.setattr(parser, "release", release)
    cfg = Config()
    if flag:
        cfg.set(flag, True)
    assert parser.contradiction(cfg) is None
    cfg.set("http_parser", "fast")
    assert (parser.contradiction(cfg) or "").partition(": ")[2] == reason
