"""The example for Kubernetes: its parts are valid and fit together."""

import re
from pathlib import Path

from jsonschema import Draft202012Validator

from server.settings.load import load
from tests.support.manifests import manifests, schema


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


def test_each_part_is_valid() -> None:
    definitions = schema("kubernetes-1.36")["$defs"]
    names = {name.rpartition(".")[2]: name for name in definitions if re.search(r"\.v\d\.[A-Z]\w+$", name)}
    for kind, manifest in manifests().items():
        validator = Draft202012Validator({"$ref": f"#/$defs/{names[kind]}", "$defs": definitions})
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)] == []


def test_the_image_reads_the_layers_of_the_config_map(tmp_path: Path) -> None:
    """test_containers.py starts the image in this environment and asks for what the probes ask for."""
    parts = manifests()
    (container,) = parts["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [f"{container['volumeMounts'][0]['mountPath']}/layers.toml"]
    config = tmp_path / "layers.toml"
    config.write_text(parts["ConfigMap"]["data"]["layers.toml"])
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert load({**environment, "RAWCOG_CONFIG": str(config)}).has_metrics
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert (environment["PORT"], environment["RAWCOG_METRICS_PORT"]) == (ports["http"], ports["metrics"])
