"""gunicorn's C parser serves where a release is installed that the tests have seen, and no other."""

import tomllib

import pytest
from packaging.requirements import Requirement

from server.gunicorn_worker import parser
from tests.support.gunicorn import ROOT


@pytest.mark.parametrize(
    ("release", "expected"),
    [("0.6.9", "python"), ("0.6.10", "fast"), ("0.6.14", "fast"), ("0.7.0", "python"), ("0.6.10rc1", "python")],
)
def test_only_tested_releases_are_taken(release: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra installs the same."""
    monkeypatch.setattr(parser, "release", release)
    assert parser.http_parser() == expected
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert Requirement(extras["fast"][0]).specifier.contains(release, prereleases=True) == (expected == "fast")


def test_a_server_without_the_package_has_the_python_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "release", "")
    assert parser.http_parser() == "python"
