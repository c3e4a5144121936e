"""The dashboard and the alert rules in `config/`: valid, and about metrics and labels that the server has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from server.metrics.definitions import METRICS
from tests.support.app import ROOT, client, layer

RULES = ROOT / "config" / "prometheus-rules.yml"
DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
FUNCTIONS = {"sum", "rate", "increase", "histogram_quantile", "topk"}
OF_PROMETHEUS = {"instance", "job", "le"}


def expressions() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule.keys() >= {"alert", "expr", "labels", "annotations"}
            yield rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def served(folder: Path) -> set[str]:
    """Names of all samples that the server has or may have."""
    families = text_string_to_metric_families(client(folder, "[server]\nmetrics = true\n").get("/metrics").text)
    return {f"{family.name}{suffix}" for family in families for suffix in SUFFIXES[family.type]}


def test_every_metric_and_label_exists_and_every_metric_is_used(tmp_path: Path) -> None:
    samples, unused = served(tmp_path), {metric.name for metric in METRICS}
    for text in expressions():
        names = set(re.findall(r"\brawcog_\w+", text))
        assert names <= samples, text
        metrics = [metric for metric in METRICS if any(name.startswith(metric.name) for name in names)]
        unused -= {metric.name for metric in metrics}
        grouped = [label for labels in re.findall(r"\bby \(([^)]*)\)", text) for label in labels.split(", ")]
        labels = {*re.findall(r"(\w+)(?:=~|!~|!=|=)\"", text), *grouped}
        assert labels <= OF_PROMETHEUS.union(*(metric.labels for metric in metrics)), text
        assert text.count("(") == text.count(")"), text
        assert set(re.findall(r"(\w+)\(", text)) <= FUNCTIONS, text
    assert not unused


def test_prometheus_accepts_the_rules_and_the_metrics_where_it_is_installed(tmp_path: Path) -> None:
    app = client(tmp_path, "[server]\nmetrics = true\n" + layer("a", ROOT / "data" / "netherlands.tif"))
    assert app.get("/layers/a/tiles/native/1/0/0.jpg").status_code == 200
    metrics = app.get("/metrics").text
    assert "rawcog_origin_bytes_total{" in metrics
    promtool = shutil.which("promtool")
    commands = [[promtool, "check", "rules", str(RULES)], [promtool, "check", "metrics"]] if promtool else []
    for command in commands:
        done = subprocess.run(command, input=metrics, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def test_panels_do_not_overlap() -> None:
    dashboard: Any = json.loads(DASHBOARD.read_text())
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert {x for x, _ in cells} == set(range(24))
