"""Parses a STAC document into entries, links to other documents, and problems. No I/O."""

from sys import intern
from typing import Final

from msgspec import Raw, Struct

from cogread.sources import SourceUri
from server.collections.entries import ID_FORM, Entry, name_of_id, refused
from server.collections.places import Places, RefusedLink, Target
from server.collections.stac.facts import attribution_of, bounds_of, choose_asset, interval_of, title_of
from server.collections.stac.items import Asset, Container, Item, Link, RefusedItem, id_of, parse_container, parse_item

_FOLLOWED: Final = ("child", "item")
_MOST_LINKS: Final = 100_000


class Reading(Struct, frozen=True, gc=False):
    """The content of a document."""

    entries: tuple[Entry, ...] = ()
    children: tuple[SourceUri, ...] = ()
    """Documents one level deeper."""
    next: SourceUri | None = None
    """The next page of the same list."""
    problems: tuple[str, ...] = ()
    """Links that are not followed."""
    attribution: str | None = None
    """Providers and licence of a Collection."""


def parse_document(data: bytes, uri: SourceUri, places: Places, asset: str | None) -> Reading:
    """Read a document.

    Args:
        data: the document.
        uri: its place.
        places: places that its links may lead to.
        asset: key of the file of each item; None: see `choose_asset`.

    Raises:
        ValueError: it is not STAC; the message is a clause about it.
    """
    container = parse_container(data)
    if container.type == "Feature":
        return Reading((_entry(Raw(data), uri, places, asset, is_document=True),))
    if container.type not in ("FeatureCollection", "Catalog", "Collection", None) or not (
        container.links or container.features or container.type
    ):
        raise ValueError(f"it is not STAC: its type is {str(container.type)[:40]!r}")
    entries = tuple(_entry(raw, uri, places, asset) for raw in container.features)
    problems: list[str] = []
    children = _children(container, uri, places, problems)
    return Reading(
        entries, children, _next(container, uri, places, problems), tuple(problems), attribution_of(container)
    )


def _children(container: Container, uri: SourceUri, places: Places, problems: list[str]) -> tuple[SourceUri, ...]:
    """The documents below a Catalog or Collection: the list of items where an API has one, else each by itself."""
    links = [link for link in container.links or () if link.rel == "items"][:1]
    links = links or [link for link in container.links or () if link.rel in _FOLLOWED]
    targets = (_followed(link, uri, places, problems) for link in links[:_MOST_LINKS])
    return tuple(target for target in targets if target is not None)


def _next(container: Container, uri: SourceUri, places: Places, problems: list[str]) -> SourceUri | None:
    link = next((link for link in container.links or () if link.rel == "next"), None)
    if link is not None and (link.method or "GET").upper() != "GET":
        problems.append(
            f"its next page is asked for by {link.method!r:.20}, wanted GET: the pages behind it are left out"
        )
        return None
    return None if link is None else _followed(link, uri, places, problems)


def _followed(link: Link, uri: SourceUri, places: Places, problems: list[str]) -> SourceUri | None:
    try:
        return places.resolve(link.href, uri).uri
    except RefusedLink as error:
        problems.append(f"a link {link.rel!r}: {error}")
        return None


def _entry(raw: Raw, uri: SourceUri, places: Places, asset: str | None, is_document: bool = False) -> Entry:
    """The entry of an item.

    Args:
        raw: the item.
        uri: place of the document with the item.
        places, asset: see `parse_document`.
        is_document: the document is the item; else its links start from its `self` link.
    """
    try:
        item = parse_item(raw)
    except RefusedItem as error:
        return refused(id_of(raw) or "", str(error))
    base = uri if is_document else _base(item, uri, places)
    try:
        name = name_of_id(item.id)
        if name is None:
            raise RefusedItem(f"its id has another form than {ID_FORM}")
        target = _target(choose_asset(item.assets, asset), base, places)
    except (RefusedItem, RefusedLink) as error:
        return refused(item.id, str(error), title_of(item))
    attribution = attribution_of(item.properties)
    first, last = interval_of(item.properties) or (None, None)
    return Entry(
        name=name,
        id=item.id,
        scheme=target.uri.scheme,
        location=target.uri.location,
        is_own=target.is_own,
        title=title_of(item),
        first=first,
        last=None if first == last else last,
        bbox=bounds_of(item.bbox),
        attribution=attribution,
        owner=None if attribution is not None else _linked(item, "collection", base, places),
    )


def _base(item: Item, uri: SourceUri, places: Places) -> SourceUri:
    link = next((link.href for link in item.links or () if link.rel == "self"), None)
    try:
        return uri if link is None else places.resolve(link, uri).uri
    except RefusedLink:
        return uri


def _target(asset: Asset, base: SourceUri, places: Places) -> Target:
    """The first of an asset's places that may be opened; the reason of the usual one, if none may."""
    refusals: list[RefusedLink] = []
    for link in asset.links:
        try:
            return places.resolve(link, base)
        except RefusedLink as error:
            refusals.append(error)
    raise refusals[0]


def _linked(item: Item, rel: str, base: SourceUri, places: Places) -> str | None:
    link = next((link.href for link in item.links or () if link.rel == rel), None)
    try:
        return None if link is None else intern(places.resolve(link, base).uri.location)
    except RefusedLink:
        return None
