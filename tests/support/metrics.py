"""Metrics of a running server, as Prometheus reads them."""

from collections.abc import Mapping

import requests
from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Name and labels of a sample -> its value."""


def parse(text: str) -> Samples:
    families = list(text_string_to_metric_families(text))
    samples = [sample for family in families for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(values) == len(samples), "a series stands twice"
    return values


def scrape(url: str) -> Samples:
    reply = requests.get(f"{url}/metrics", timeout=30)
    assert reply.status_code == 200, reply.text
    return parse(reply.text)


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all series of a name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (its_name, its_labels), value in samples.items() if its_name == name and wanted <= its_labels)


def counters(samples: Samples) -> Samples:
    """The samples that never fall."""
    ends = ("_total", "_count", "_sum", "_bucket")
    return {key: value for key, value in samples.items() if key[0].endswith(ends)}
