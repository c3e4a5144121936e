"""Memory of processes."""

import re
from pathlib import Path


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever had."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) * 1024
