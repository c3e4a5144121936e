"""axe-core in a page: what it finds that keeps people with disabilities from using the page."""

import gzip
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.chromium import Page

_FILE: Final = Path(__file__).resolve().parents[1] / "data" / "axe" / "axe.min.js.gz"
_RUN: Final = """
const { violations } = await axe.run(document, { resultTypes: ["violations"] })
return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`)
"""


@cache
def _script() -> str:
    return gzip.decompress(_FILE.read_bytes()).decode()


def axe_findings(page: Page) -> list[str]:
    """The violations of axe's rules, its best practices included, with the elements that they concern."""
    page.run(f"if (!globalThis.axe) {{ {_script()} }}")
    findings: list[str] = page.run(_RUN)
    return findings
