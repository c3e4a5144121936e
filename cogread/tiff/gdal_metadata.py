"""GDAL_METADATA (tag 42112) -> its items, as GDAL's GTiff driver takes them (gtiffdataset_read.cpp, `OpenOffset`).

The text is XML of one level: `<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.01</Item>…`. GDAL's parser
accepts more than XML: other encodings than UTF-8, control characters and a bare `&` are replaced before expat sees
them, and so are carriage returns in an item's text, which XML drops and GDAL does not. A text that expat still refuses,
or with a document type declaration, is no metadata; never an error.
"""

import re
from typing import Final, NamedTuple
from xml.parsers import expat

DATASET: Final = -1
"""`Item.sample` of the items of the whole file."""
MAX_SAMPLE: Final = 65535

_MAX_DEPTH: Final = 64
_ROLES: Final = frozenset({"scale", "offset", "unittype", "description", "colorinterp"})
_SPACE: Final = " \t\n\v\f\r"
_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE_AMPERSAND: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-fA-F]+);)")
_ITEM: Final = re.compile(r"(<item\b[^<>]*>)([^<]*\r[^<]*)", re.IGNORECASE)
"""The tag of an item, and its text with a carriage return."""
_INTEGER: Final = re.compile(r"[ \t-\r]*([+-]?[0-9]{1,9})(?![0-9])")
_REFERENCE: Final = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6}));")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


class Item(NamedTuple):
    """An item of the default domain, or one with a role."""

    name: str
    text: str
    sample: int
    """Number of the band, from 0; DATASET."""
    role: str
    """One of `scale`, `offset`, `unittype`, `description`, `colorinterp`; "" of any other item."""


def parse_items(data: bytes) -> tuple[Item, ...]:
    """Parse the items in their order; a later item replaces an earlier one of the same name."""
    handler = _ItemHandler()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.CommentHandler = handler.comment
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(_xml(data), True)
    except (expat.ExpatError, _Refused):
        return tuple(handler.items) if handler.is_whole else ()
    return tuple(handler.items)


class _Refused(Exception):
    """A document type declaration, which could define entities, or elements that are nested too deeply."""


def _refuse(*_: object) -> None:
    raise _Refused


def _xml(data: bytes) -> str:
    data = data.partition(b"\0")[0]
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = _BARE_AMPERSAND.sub("&amp;", _NO_XML.sub("\ufffd", text.lstrip("\ufeff" + _SPACE)))
    return _ITEM.sub(lambda item: item[1] + item[2].replace("\r", "&#13;"), text)


class _ItemHandler:
    """Collects items from the events of the parser."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.is_whole = False
        """True after the end of the root element."""
        self._path: list[str] = []
        self._attributes: dict[str, str] = {}
        self._texts: list[str] = []
        self._has_children = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Enter an element; those of depth 2 are items."""
        if len(self._path) == _MAX_DEPTH:
            raise _Refused
        self._path.append(name.lower())
        if len(self._path) == 2:
            self._attributes = {key.lower(): value for key, value in attributes.items()}
            self._texts, self._has_children = [], False
        else:
            self._has_children = True

    def comment(self, _: str) -> None:
        """Note a comment: GDAL ignores an item that has one."""
        self._has_children = True

    def text(self, text: str) -> None:
        """Collect a part of the text of an item."""
        if len(self._path) == 2:
            self._texts.append(text)

    def end(self, _: str) -> None:
        """Leave an element."""
        if self._path == ["gdalmetadata", "item"] and not self._has_children:
            self._item()
        self._path.pop()
        self.is_whole = not self._path

    def _item(self) -> None:
        name, text = self._attributes.get("name"), "".join(self._texts).lstrip(_SPACE)
        number = _INTEGER.match(self._attributes.get("sample", str(DATASET)))
        sample = int(number[1]) if number else 0
        if name is None or not text or not DATASET <= sample <= MAX_SAMPLE:
            return
        role = self._attributes.get("role", "").lower()
        role = role if role in _ROLES and sample != DATASET else ""
        domain = self._attributes.get("domain", "").lower()
        if domain == "" or (role and domain != "image_structure"):
            self.items.append(Item(name, _unescaped(text), sample, role))


def _unescaped(text: str) -> str:
    """Undo GDAL's second escape of an item's text."""
    return _REFERENCE.sub(_character, text)


def _character(reference: re.Match[str]) -> str:
    name, decimal, hexadecimal = reference.groups()
    if name:
        return _NAMED[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0xD800 or 0xE000 <= code <= 0x10FFFF else ""
