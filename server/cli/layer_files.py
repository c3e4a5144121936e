"""Paths and URIs of a command line -> layers with names, and the files that cannot be layers.

A folder stands for the TIFFs in it and below. Each of them is opened, in parallel, since a folder of imagery holds
files of other kinds too.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cogread.errors import CogError
from cogread.reader import open_cog
from server.cli.progress import in_parallel
from server.settings.variables import escape

SUFFIXES: Final = {".tif", ".tiff", ".gtiff"}

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME: Final = 90


def is_config(path: str) -> bool:
    """Tell whether an argument is the path or URI of a config file."""
    return (path.partition("?")[0] if "://" in path else path).endswith(".toml")


class LayerFile(NamedTuple):
    """A file to be served."""

    name: str
    """Name of the layer."""
    uri: str
    """A URI or an absolute path."""
    title: str


class Refused(NamedTuple):
    """A file of a folder that cannot be served."""

    path: str
    reason: str


def layer_files(sources: Sequence[str]) -> tuple[list[LayerFile], list[Refused]]:
    """The layers of files, folders and URIs, in their order; names are those of the files, made unique by a number.

    Files of folders that are no tiled TIFFs are refused; a file or URI that is named itself is always a layer, whose
    document states its error.
    """
    candidates = [place for source in sources for place in _places(source)]
    reasons = in_parallel(_reason, candidates, "opening files")
    names: set[str] = set()
    layers = [
        LayerFile(_unique(place.title, names), place.uri, place.title)
        for place, reason in zip(candidates, reasons, strict=True)
        if reason is None
    ]
    return layers, [Refused(p.uri, reason) for p, reason in zip(candidates, reasons, strict=True) if reason is not None]


def candidate_files(sources: Sequence[str]) -> list[LayerFile]:
    """All files that would be opened for layers, by the names of their layers; none is opened."""
    names: set[str] = set()
    places = (place for source in sources for place in _places(source))
    return [LayerFile(_unique(place.title, names), place.uri, place.title) for place in places]


def config_text(layers: Sequence[LayerFile]) -> str:
    """The layers as a config file. JSON's strings are TOML's basic strings."""
    return "".join(
        f"[layers.{json.dumps(each.name)}]\nuri = {_string(each.uri)}\ntitle = {_string(each.title)}\n"
        for each in layers
    )


def _string(text: str) -> str:
    return json.dumps(escape(text))


class _Place(NamedTuple):
    uri: str
    title: str
    is_in_folder: bool
    """True for a file of a folder, False for an argument of the command line."""


def _places(source: str) -> Iterator[_Place]:
    path = Path(source)
    if not path.is_dir():
        is_path = path.exists() or ":" not in source
        uri = str(path.absolute()) if is_path and not source.startswith("/vsi") else source
        yield _Place(uri, _stem(source.partition("?")[0].rstrip("/").rpartition("/")[2]), False)
        return
    files = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    for file in sorted(file for file in files if not file.name.startswith(".") and file.is_file()):
        relative = file.relative_to(path)
        yield _Place(str(file.absolute()), "/".join((*relative.parts[:-1], _stem(relative.name))), True)


def _stem(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name


def _reason(place: _Place) -> str | None:
    """The reason that excludes a file of a folder; None if it is a layer."""
    if not place.is_in_folder:
        return None
    try:
        with open_cog(place.uri):
            return None
    except CogError as error:
        return str(error)


def _unique(title: str, names: set[str]) -> str:
    """A unique name for a layer, which is added to the names."""
    plain = _NO_NAME.sub("-", title).lstrip("-.")[:_LONGEST_NAME] or "layer"
    name, number = plain, 2
    while name in names:
        name, number = f"{plain}-{number}", number + 1
    names.add(name)
    return name
