"""Keys of files and names of members: each is made of the other, so that a name needs no list to find its file.

A key is a path below the folder or prefix. '/' is '~' in a name, a character that no name may hold is '~~' and two
hexadecimal digits for each of its bytes, and the suffix `.tif` is left out where the rest has no suffix of a TIFF.
"""

import re
from fnmatch import fnmatchcase
from typing import Final

from server.collections.rule import SLASH
from server.settings.collections import MEMBER_NAME

SUFFIXES: Final = (".tif", ".tiff", ".gtiff")
"""Suffixes of TIFFs, in any case. Other files are sidecars or of other kinds."""

_LEFT_OUT: Final = ".tif"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._/-]|^/|(?<=/)/", re.ASCII)
"""Characters of keys that names escape; two slashes in a row would be read as the beginning of an escape."""
_SEQUENCE: Final = re.compile(r"(?:~~[0-9A-F]{2})+|~", re.ASCII)
_ANY_FOLDERS: Final = "**"


def is_tiff(key: str) -> bool:
    """Tell whether the key is that of a TIFF by its name, and neither it nor a folder above it is hidden."""
    is_visible = not key.startswith(".") and "/." not in key and min(key, default="") >= " "
    return is_visible and key.lower().endswith(SUFFIXES)


def name_of(key: str) -> str | None:
    """The name of the member of a key; None: it would be too long."""
    rest = key.removesuffix(_LEFT_OUT)
    name = _UNSAFE.sub(_escape, key if rest.lower().endswith(SUFFIXES) else rest).replace("/", SLASH)
    return name if MEMBER_NAME.fullmatch(name) else None


def key_of(name: str) -> str | None:
    """The key of the member of a name; None: no key has it."""
    try:
        path = _SEQUENCE.sub(lambda part: "/" if part[0] == SLASH else _unescape(part[0]), name)
    except UnicodeDecodeError:
        return None
    key = path if path.lower().endswith(SUFFIXES) else path + _LEFT_OUT
    return key if is_tiff(key) and name_of(key) == name else None


def matches(key: str, pattern: str) -> bool:
    """Tell whether a key matches a pattern: `*` stands for a part of a name, `**` for any number of folders.

    It takes a step for each pair of a name and a part of the pattern at most, as clients choose keys.
    """
    names = key.split("/")
    ends = {0}
    """Numbers of names that the parts of the pattern so far match."""
    for part in pattern.split("/"):
        if not ends:
            return False
        if part == _ANY_FOLDERS:
            ends = set(range(min(ends), len(names) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(names) and fnmatchcase(names[end], part)}
    return len(names) in ends


def _escape(character: re.Match[str]) -> str:
    return "".join(f"~~{byte:02X}" for byte in character[0].encode("utf-8", "surrogateescape"))


def _unescape(sequence: str) -> str:
    return bytes.fromhex(sequence.replace("~", "")).decode("utf-8", "surrogateescape")
