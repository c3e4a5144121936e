"""OGC's schemas, from `tests/data/ogc`: whether an XML document is valid, without a network."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from lxml import etree

SCHEMAS: Final = Path(__file__).resolve().parents[1] / "data" / "ogc"

NAMESPACES: Final = {
    "wmts": "http://www.opengis.net/wmts/1.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}
CAPABILITIES: Final = "wmts/1.0/wmtsGetCapabilities_response.xsd"
EXCEPTIONS: Final = "ows/1.1.0/owsExceptionReport.xsd"

_ELSEWHERE: Final = {
    "owsAll.xsd": "ows/1.1.0/owsAll.xsd",
    "xlink.xsd": "xlink/1.0.0/xlinks.xsd",
    "xlinks.xsd": "xlink/1.0.0/xlinks.xsd",
    "xml.xsd": "w3c/xml.xsd",
}
"""Schemas that imports name by other addresses."""

Element = Any


class _Resolver(etree.Resolver):  # type: ignore[misc]  # lxml has no types
    def resolve(self, url: str, public_id: str, context: Any) -> Any:
        name = url.rpartition("/")[2]
        if name in _ELSEWHERE:
            return self.resolve_filename(str(SCHEMAS / _ELSEWHERE[name]), context)
        assert url.startswith(str(SCHEMAS)), f"not among the schemas: {url}"
        return None


@cache
def _schema(path: str) -> Any:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Resolver())
    return etree.XMLSchema(etree.parse(SCHEMAS / path, parser))


def valid(document: bytes, schema: str = CAPABILITIES) -> Element:
    """The root of a document that its schema finds nothing wrong with."""
    root = etree.fromstring(document)
    _schema(schema).assertValid(root)
    return root


def texts(root: Element, path: str) -> list[str]:
    """The texts of elements, or the values of attributes."""
    nodes = root.xpath(path, namespaces=NAMESPACES)
    return [str(item) if isinstance(item, str) else item.text or "" for item in nodes]
