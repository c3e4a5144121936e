"""The templates of documents, rendered without a request: opener threads write parts of documents too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, select_autoescape

from server.documents.xml_text import xml_text

_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=select_autoescape(("xml",)),
    auto_reload=False,
)
_ENVIRONMENT.filters |= {"xml_text": xml_text, "json": json.dumps}


def rendered(template: str, **values: Any) -> str:
    """The document of a template."""
    return _ENVIRONMENT.get_template(template).render(values)


def rendered_pieces(template: str, **values: Any) -> Iterator[str]:
    """The same in pieces, so that a document of all layers is never in memory as a whole."""
    return _ENVIRONMENT.get_template(template).generate(values)
