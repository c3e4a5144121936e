"""The page of all layers. Its search, filters, view and place in the list are in the URL: it works without scripts."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from flask import Response, request

from server.documents.collection_json import collection_row, layer_row
from server.documents.layer_list import BROKEN, FILTERS, OK, UNOPENED, Entry, Query, Selection, select, text_matches
from server.documents.summary import Summary
from server.http.errors import BadRequest
from server.layers.collection import Collection
from server.layers.listing import Listing
from server.web.context import context
from server.web.pages import page
from server.web.replies import NEGOTIATED, document

WALL: Final = "wall"
ROWS: Final = "rows"
LENGTHS: Final = {WALL: 30, ROWS: 60}
"""View -> layers on a page of the list: a phone shows them within some 5,000 pixels."""
MOST_IN_WALL: Final = 60
"""Most layers of a server whose list is a wall unless the URL has another view."""
MOST_CHIPS: Final = 6
"""Chips of a filter that are seen at once."""
LONGEST_TEXT: Final = 200

_NAMES: Final = {"type": "Type", "crs": "CRS", "format": "Format", "status": "Problems"}
_STATUS: Final = {BROKEN: "cannot be opened", UNOPENED: UNOPENED}
_PAGE: Final = re.compile(r"[1-9][0-9]{0,8}")


class Chip(NamedTuple):
    """A link that sets a filter, or takes it back."""

    label: str
    matches: int
    href: str
    is_active: bool


class Chips(NamedTuple):
    """The chips of one filter."""

    name: str
    key: str
    shown: list[Chip]
    more: list[Chip]


class ListUrl(NamedTuple):
    """The query of a URL of the list."""

    prefix: str
    parameters: Mapping[str, str]

    def of(self, **changes: str | None) -> str:
        """The URL with some parameters changed, at the first page of its list unless `page` is among the changes."""
        changed = {**self.parameters, "page": None, **changes}
        query = urlencode({key: value for key, value in changed.items() if value})
        return f"{self.prefix}/?{query}" if query else f"{self.prefix}/"


def asked_query() -> Query:
    """The search and the filters of the request."""
    text = request.args.get("q", "").strip()[:LONGEST_TEXT]
    return Query(text, {key: request.args[key] for key in FILTERS if request.args.get(key)})


def layers_document() -> Response:
    """Write the list of the layers that the request asks for."""
    ctx, query = context(), asked_query()
    listing, links, collections = ctx.listing(), ctx.links, _collections(query)

    def write() -> Iterator[bytes]:
        layers = [layer_row(entry, links) for entry in _selection(listing, query).entries]
        yield msgspec.json.encode(
            {"layers": layers, "collections": [collection_row(each, links) for each in collections]}
        )

    serials = [each.serial for each in collections]
    packed = ctx.packed.of_long(("layers", listing.key, serials, query, links), write)
    return document(packed, "application/json", "no-cache", NEGOTIATED)


def _collections(query: Query) -> list[Collection]:
    """The collections that match a query; filters are for layers alone."""
    collections = context().collections()
    texts = ((each, f"{each.config.name} {each.title}") for each in collections)
    return [] if query.filters else [each for each, text in texts if text_matches(text, query.text)]


def _selection(listing: Listing[Summary], query: Query) -> Selection:
    return select((Entry(*each) for each in listing), query)


def layers_page() -> Response:
    """Write the page of the layers that the request asks for."""
    query = asked_query()
    selected = _selection(context().listing(), query)
    view = _view(selected.total)
    entries, length = selected.broken_last(), LENGTHS[view]
    pages = max(1, -(-len(entries) // length))
    number = min(_page_number(), pages)
    url, links = _url(query), context().links
    return page(
        "layers.html",
        entries=[(layer_row(entry, links), entry.summary) for entry in entries[(number - 1) * length :][:length]],
        collections=[collection_row(each, links) for each in _collections(query)] if number == 1 else [],
        has_collections=bool(context().collections()),
        query=query,
        matches=len(entries),
        total=selected.total,
        views={name: (url.of(view=name), name == view) for name in LENGTHS},
        view=view,
        fields={key: value for key, value in url.parameters.items() if key not in ("q", "page")},
        chips=[chips for key in FILTERS if (chips := _chips(key, query, selected, url)) is not None],
        everything=url.of(q=None, **dict.fromkeys(FILTERS)),
        page_number=number,
        pages=pages,
        before=url.of(page=str(number - 1)) if number > 2 else url.of() if number == 2 else None,
        after=url.of(page=str(number + 1)) if number < pages else None,
    )


def _url(query: Query) -> ListUrl:
    view = request.args.get("view", "")
    parameters = {"q": query.text, **query.filters, "view": view if view in LENGTHS else ""}
    return ListUrl(context().link_prefix, parameters)


def _view(total: int) -> str:
    view = request.args.get("view", "")
    return view if view in LENGTHS else WALL if total <= MOST_IN_WALL else ROWS


def _page_number() -> int:
    text = request.args.get("page", "1")
    if not _PAGE.fullmatch(text):
        raise BadRequest(f"page={text[:20]!r}: wanted a number, 1 at least, of 9 digits at most")
    return int(text)


def _chips(key: str, query: Query, selected: Selection, url: ListUrl) -> Chips | None:
    """The chips of a filter, the active one first; None: it has nothing to tell apart."""
    counts = selected.counts[key]
    matches = sum(entry.status == OK for entry in selected.entries)
    active = query.filters.get(key)
    told = {value for value, count in counts.items() if count < matches or active is not None or key == "status"} - {OK}
    values = sorted(told | ({active} if active else set()), key=lambda value: (value != active, -counts[value], value))
    if not values:
        return None
    chips = [
        Chip(
            _STATUS.get(value, value),
            counts[value],
            url.of(**{key: None if value == active else value}),
            value == active,
        )
        for value in values
    ]
    return Chips(_NAMES[key], key, chips[:MOST_CHIPS], chips[MOST_CHIPS:])
