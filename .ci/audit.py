"""Look the packages of requirements.lock up in the advisories of PyPI, with pip-audit.

Fails if a package has an advisory. Where the advisories cannot be had, without a network for example, it says so.
"""

import json
import subprocess
import sys

COMMAND = [
    *("-m", "pip_audit", "-r", "requirements.lock", "--disable-pip", "--require-hashes"),
    *("--progress-spinner", "off", "-f", "json"),
]


def main() -> int:
    """Print the advisories; the exit status."""
    done = subprocess.run([sys.executable, *COMMAND], check=False, capture_output=True, text=True)  # noqa: S603
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = done.stderr.strip().rpartition("\n")[2]
        print(f"audit: the advisories cannot be had here: {reason}")
        return 0
    advisories = [(package, each) for package in packages for each in package.get("vulns", ())]
    for package, each in advisories:
        fixed = ", ".join(each["fix_versions"]) or "no version"
        print(f"audit: {package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    unknown = sum("skip_reason" in package for package in packages)
    if unknown:
        print(f"audit: this index has no advisories about {unknown} of {len(packages)} packages")
    return 1 if advisories else 0


if __name__ == "__main__":
    sys.exit(main())
