"""The example for Kubernetes: its parts fit together, and the server does in its environment what the probes want."""

from pathlib import Path
from typing import Any

import requests
import yaml

from server.settings.load import load
from tests.support.app import ROOT
from tests.support.gunicorn import Gunicorn, procfile_line, wait_for

Json = dict[str, Any]


def manifests() -> dict[str, Json]:
    """Kind -> manifest."""
    return {each["kind"]: each for each in yaml.safe_load_all((ROOT / "config" / "kubernetes.yaml").read_text())}


def test_the_parts_fit_together() -> None:
    parts = manifests()
    deployment = parts["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert parts["Service"]["spec"]["selector"] == labels
    assert parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    target = parts["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", parts["Deployment"]["metadata"]["name"])
    pod = deployment["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in parts["Service"]["spec"]["ports"]} <= set(ports)
    annotations = deployment["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports["metrics"])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert volumes["config"]["configMap"]["name"] == parts["ConfigMap"]["metadata"]["name"]
    assert pod["terminationGracePeriodSeconds"] > 5 + 20


def test_the_server_starts_by_it_and_answers_the_probes(tmp_path: Path) -> None:
    parts = manifests()
    (container,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == procfile_line()
    config = tmp_path / "layers.toml"
    config.write_text(parts["ConfigMap"]["data"]["layers.toml"])
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment.pop("RAWCOG_CONFIG") == f"{container['volumeMounts'][0]['mountPath']}/layers.toml"
    assert load({**environment, "RAWCOG_CONFIG": str(config)}).has_metrics
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert (environment.pop("PORT"), environment.pop("RAWCOG_METRICS_PORT")) == (ports["http"], ports["metrics"])
    environment["RAWCOG_METRICS_HOST"] = "127.0.0.1"
    with Gunicorn(environment, config.read_text()) as server:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[probe]["httpGet"]["path"]
            assert requests.get(server.url + path, timeout=30).status_code == 200, probe
        wait_for(lambda: '"path":"/health/ready"' in server.log(), "the log as JSON")
