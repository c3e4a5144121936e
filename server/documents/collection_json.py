"""The JSON of a collection, and the rows of its members."""

from collections.abc import Sequence
from typing import NamedTuple

from cogread.errors import CogError
from server.collections import Member
from server.documents import Json
from server.documents.layer_json import row
from server.documents.layer_list import BROKEN, Entry
from server.documents.ogc.links import JSON, link
from server.documents.summary import Summary
from server.documents.wmts.names import LAYER_CAPABILITIES
from server.http.problems import public_reason
from server.http.public_urls import Links
from server.layers.collection import SEPARATOR, Collection
from server.layers.layer import Layer


class MemberEntry(NamedTuple):
    """A member in a list."""

    member: Member
    layer: Layer | None
    """None: the rule refuses the member."""
    summary: Summary | CogError | None
    """See `Entry.summary`."""


def collection_row(collection: Collection, links: Links) -> Json:
    """A collection in the list of all; `links` makes its link."""
    attribution = collection.config.attribution
    return {
        "name": collection.config.name,
        "title": collection.title,
        "attribution": attribution.text if attribution else None,
        "attribution_html": attribution.html if attribution else None,
        "href": links.to(collection.path),
    }


def describe_collection(collection: Collection, links: Links, times: Sequence[str] = ()) -> Json:
    """A collection without its members: what they are, and how their names are made.

    Args:
        collection: the collection.
        links: makes links.
        times: ascending, of a collection whose members are one layer in time.
    """
    template = collection.config.template
    patterns = {} if template is None else template.patterns
    parts = [f"{{{part}}}" for part in collection.rule.parts] if template is not None else ["{name}"]
    own = [link("self", links.to(collection.path), JSON)]
    if collection.rule.is_listable:
        wmts = links.to(collection.path + LAYER_CAPABILITIES)
        own.append(link("wmts", wmts, "application/xml", "A page of the members as WMTS"))
    return {
        **collection_row(collection, links),
        "is_listable": collection.rule.is_listable,
        "names": SEPARATOR.join([collection.config.name, *parts]),
        "patterns": patterns,
        "time": {"values": times, "default": times[-1]} if times else None,
        "layers": [],
        "links": own,
    }


def member_row(collection: Collection, entry: MemberEntry, links: Links) -> Json:
    """A member in a list: that of a layer, and the facts that its rule knows."""
    member, layer = entry.member, entry.layer
    if layer is None:
        name = f"{collection.config.name}{SEPARATOR}{member.name}"
        return {"name": name, "title": member.title or member.name, "status": BROKEN, "reason": member.refusal}
    about = layer_row(Entry(layer, entry.summary), links)
    facts = {"datetime": member.datetime, "bbox": member.bbox}
    return about | {key: value for key, value in facts.items() if value is not None}


def layer_row(entry: Entry, links: Links) -> Json:
    """The facts of the config and of the summary about a layer; `links` makes its link."""
    facts, summary = row(entry.layer, links), entry.summary
    if isinstance(summary, Summary):
        size: Json = {"width": summary.width, "height": summary.height, "bands": summary.bands, "dtype": summary.dtype}
        return {**facts, "status": entry.status, **size, "crs": summary.crs, "formats": summary.formats}
    if summary is None:
        return {**facts, "status": entry.status}
    return {**facts, "status": entry.status, "reason": public_reason(summary)}
