"""Lines to copy into the clients of a layer."""

from typing import Any, NamedTuple
from urllib.parse import urljoin

Json = dict[str, Any]


class Line(NamedTuple):
    """A line to copy."""

    label: str
    text: str
    hint: str
    """Where it goes."""


def lines_of(about: Json, root: str) -> list[Line]:
    """The lines for a layer.

    Args:
        about: its JSON.
        root: what whole URLs begin with.
    """
    links = {link["rel"]: urljoin(root, link["href"]) for link in about["links"]}
    lines = []
    tile = next((link["href"] for link in about["links"] if link["rel"] == "tiles"), None)
    if tile is not None:
        lines.append(Line("Tiles", urljoin(root, tile), "z/x/y in the file's own grid, from the upper left"))
    lines.append(Line("JSON", links["self"], "all of this as data"))
    return lines
