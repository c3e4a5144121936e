"""Text that may stand in XML 1.0: what it forbids, even as a reference, is replaced (XML 1.0 §2.2)."""

import re
from typing import Final

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """The text without what no XML document may hold; still to be escaped."""
    return _FORBIDDEN.sub("\ufffd", text)
