"""The example for Kubernetes, and the schemas of deployment files."""

import gzip
import json
from typing import Any

import yaml

from tests.support.gunicorn import ROOT


def manifests() -> dict[str, dict[str, Any]]:
    """Kind -> manifest."""
    return {each["kind"]: each for each in yaml.safe_load_all((ROOT / "config" / "kubernetes.yaml").read_text())}


def schema(name: str) -> Any:
    return json.loads(gzip.decompress((ROOT / "tests/data/deploy" / f"{name}.json.gz").read_bytes()))
