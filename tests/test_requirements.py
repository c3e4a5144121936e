"""The pinned packages of deployments, and the look at their advisories."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.gunicorn import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PACKAGES = re.split(r"^(?=[\w.-]+==)", LOCK, flags=re.MULTILINE)[1:]
STATED = [Requirement(line) for line in (ROOT / "requirements.txt").read_text().splitlines()]
COMMAND = "run make lock"


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def test_the_lock_satisfies_the_requirements_and_those_of_their_packages() -> None:
    lines = [Requirement(package.partition("\\\n")[0].strip()) for package in PACKAGES]
    pinned = {line.name: str(line.specifier).removeprefix("==") for line in lines if applies(line)}
    wanted, seen = list(STATED), set[str]()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name}: {COMMAND}"
        assert requirement.specifier.contains(pinned[name], prereleases=True), f"{requirement}: {COMMAND}"
        if name not in seen:
            seen.add(name)
            wanted += [each for each in map(Requirement, requires(name) or ()) if applies(each)]
    assert len(seen) > len(STATED)


def test_each_pinned_package_has_a_hash() -> None:
    assert len(PACKAGES) >= len(STATED)
    assert not [each.split()[0] for each in PACKAGES if "--hash=sha256:" not in each]


REPORTS = {
    '{"dependencies": [{"name": "a", "version": "1", "vulns": []}], "fixes": []}': (0, ""),
    '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]}': (
        1,
        "audit: a 1: PYSEC-1, fixed in 2\n",
    ),
    '{"dependencies": [{"name": "a", "skip_reason": "not on PyPI"}]}': (
        0,
        "audit: this index has no advisories about 1 of 1 packages\n",
    ),
    "": (0, "audit: the advisories cannot be had here: ConnectionError: no route\n"),
}


@pytest.mark.parametrize("report", REPORTS)
def test_an_advisory_fails_the_check_and_a_missing_network_does_not(report: str, tmp_path: Path) -> None:
    """The reports are of the form of `pip-audit -f json`."""
    program = f"import sys\nprint({report!r})\nsys.exit('Traceback\\nConnectionError: no route')"
    (tmp_path / "pip_audit.py").write_text(program)
    command, environment = [sys.executable, ".ci/audit.py"], {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == REPORTS[report]
