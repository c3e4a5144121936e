"""The lines of a layer's page that people copy."""

import re
from html import unescape
from typing import Final

_LINE: Final = re.compile(
    r'<h3 id="line-\d+-label">(.*?)</h3>\s*<div class="line"><pre><code id="line-\d+"[^>]*>(.*?)</code>', re.DOTALL
)


def copied(page: str) -> dict[str, str]:
    """The texts by their labels."""
    return {unescape(label): unescape(text) for label, text in _LINE.findall(page)}
