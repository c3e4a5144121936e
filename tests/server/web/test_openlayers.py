"""The OpenLayers that the pages bring along is the one that its sources make."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
SOURCES: Final = ROOT / "server" / "openlayers"
BUILT: Final = ROOT / "server" / "static" / "openlayers"
LIMIT_BYTES: Final = 210_000

BANNER, _, CODE = (BUILT / "ol.js").read_text(encoding="utf-8").partition("\n")
LOCK: Final = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))["packages"]


def said(label: str) -> str:
    match = re.search(rf"; {label} ([0-9a-f]{{64}})", BANNER)
    assert match, BANNER
    return match[1]


def test_what_is_served_was_made_of_the_sources_beside_it() -> None:
    names = ("openlayers.js", "build.js", "package.json", "package-lock.json")
    assert said("sources") == sha256(b"".join((SOURCES / name).read_bytes() for name in names)).hexdigest(), (
        "changed since: run `make pages`"
    )


def test_nobody_changed_what_was_made() -> None:
    assert said("code") == sha256(CODE.encode()).hexdigest(), "changed by hand: run `make pages`"


def test_each_package_of_the_bundle_is_named_and_licensed_as_it_was_locked() -> None:
    packages = re.findall(r"([@a-z][^ ,*]*) ([0-9.]+)", BANNER.partition(";")[0])
    assert "ol" in dict(packages)
    licences = (BUILT / "LICENSE.txt").read_text(encoding="utf-8")
    for name, version in packages:
        locked = LOCK[f"node_modules/{name}"]
        assert locked["version"] == version
        assert f"{name} {version} ({locked['license']})\n" in licences
    assert "Redistributions of source code must retain the above copyright" in licences


def test_the_lock_pins_packages_by_content_and_names_no_host() -> None:
    for path, package in LOCK.items():
        assert "resolved" not in package
        assert not path or package["integrity"].startswith("sha512-")


def test_the_bundle_is_small_and_runs_nothing_that_a_policy_forbids() -> None:
    assert len(CODE) < LIMIT_BYTES
    assert not re.search(r"\beval\(|new Function\(|document\.write", CODE)
    assert not re.search(r"url\(|@import", (BUILT / "ol.css").read_text(encoding="utf-8"))
