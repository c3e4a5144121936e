"""Text and elements of XML 1.0. What it forbids, even as a reference, is replaced (XML 1.0 §2.2)."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EDGES: Final = re.compile(r"\A[ \t\r\n]+|[ \t\r\n]+\Z|\r")


def xml_text(text: str) -> str:
    """The text without what no XML document may hold; still to be escaped."""
    return _FORBIDDEN.sub("\ufffd", text)


def escaped(text: str) -> str:
    """The text as content of an element; blanks at its edges as references, since parsers such as GDAL's trim them."""
    return _EDGES.sub(lambda blanks: "".join(f"&#{ord(blank)};" for blank in blanks[0]), escape(xml_text(text)))


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """An element.

    Args:
        name: of the element.
        content: markup, or text by `escaped`.
        attributes: by name, as text.
    """
    written = "".join(f" {key}={quoteattr(xml_text(str(value)))}" for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"
