"""The difference between two settings, as text for the log: names of layers and keys, never a value."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Final

from server.settings.layer_config import LayerConfig
from server.settings.load import Settings

MOST_NAMED: Final = 10
"""Names in a list; the rest is counted."""

FIXED: Final = ("memory_bytes", "inflight_bytes", "metrics")
"""Keys of `[server]` that a worker reads when it starts."""

_KEYS: Final = {field.name: field.name for field in fields(LayerConfig) if field.name != "source_name"} | {
    "options": "source",
    "identity": "credentials",
}
"""Field of a layer's configuration -> its name in the config file, or the nearest word."""


def describe_changes(before: Settings, after: Settings) -> str:
    """Describe the changes in one line, whatever the number of layers."""
    common = [name for name in after.layers if name in before.layers]
    layers = {name: list(_changed_keys(before.layers[name], after.layers[name])) for name in common}
    lists = {
        "layers added": [name for name in after.layers if name not in before.layers],
        "layers removed": [name for name in before.layers if name not in after.layers],
        "layers changed": [f"{name} ({', '.join(keys)})" for name, keys in layers.items() if keys],
        "collections changed": [
            name
            for name in {**before.collections, **after.collections}
            if before.collections.get(name) != after.collections.get(name)
        ],
        "tokens changed": sorted({token.name for token in {*before.tokens} ^ {*after.tokens}}),
        "settings changed": [
            f"server.{key}"
            for key in after.server.__struct_fields__
            if getattr(before.server, key) != getattr(after.server, key)
        ],
    }
    return "; ".join(f"{label}: {_bounded(names)}" for label, names in lists.items() if names) or "nothing changed"


def describe_pending(before: Settings, after: Settings) -> str:
    """Name the changes that a running worker cannot make; empty if there are none."""
    names = [f"server.{key}" for key in FIXED if getattr(before.server, key) != getattr(after.server, key)]
    return f"from the next start or HUP on: {', '.join(names)}" if names else ""


def _changed_keys(before: LayerConfig, after: LayerConfig) -> Iterator[str]:
    changed = [name for name in _KEYS if getattr(before, name) != getattr(after, name)]
    is_explained = "uri" in changed or "options" in changed  # the identity follows from these
    return (_KEYS[name] for name in changed if not (is_explained and name == "identity"))


def _bounded(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
