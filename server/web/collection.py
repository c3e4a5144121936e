"""`/layers/{collection}` and the pages of members: collections as JSON and as pages, and as capabilities of WMTS."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from flask import Response, request

from server.collections import Query
from server.collections.instants import Interval, interval
from server.collections.rule import DEFAULT_LIMIT, MOST_LISTED
from server.documents import Json
from server.documents.collection_json import MemberEntry, describe_collection, member_row
from server.documents.ogc.links import JSON, link
from server.http.errors import BadRequest
from server.http.public_urls import Links
from server.layers.collection import Collection
from server.web.context import context
from server.web.negotiation import prefers_html
from server.web.pages import page
from server.web.paging import asked_number
from server.web.replies import NEGOTIATED, document

MOST_OPENED: Final = 100
"""Largest page whose files are opened; in longer ones a layer that was never asked for is `not opened yet`."""
LENGTH: Final = 30
"""Members on a page for browsers."""

_LONGEST_TEXT: Final = 200


class MemberPage:
    """A page of the members of a collection, as the request asks for it."""

    def __init__(self, collection: Collection, default_limit: int = DEFAULT_LIMIT, *, opens: bool = True) -> None:
        """List the members.

        Args:
            collection: the collection.
            default_limit: length of the page without `limit` in the query.
            opens: whether the members are opened, if the page is short.

        Raises:
            BadRequest: the query is invalid.
            CogError: the members cannot be listed.
            ListBusy: see `Summaries.of`.
        """
        self._collection, self.query = collection, asked_members(default_limit)
        self._default_limit = default_limit
        self.page = collection.page(self.query)
        layers = [collection.layer(member) for member in self.page.members if member.refusal is None]
        self.listing = context().summaries.of(layers, opens=opens and self.query.limit <= MOST_OPENED)

    def entries(self) -> Iterator[MemberEntry]:
        """The members with their layers and summaries."""
        states = iter(self.listing)
        for member in self.page.members:
            yield MemberEntry(member, *((None, None) if member.refusal is not None else next(states)))

    @property
    def key(self) -> tuple[object, ...]:
        """The part of the keys of documents that stands for the members and all that is listed of them."""
        return self._collection.serial, self.query, self.page, self.listing.key

    def path(self, path: str, after: str | None = None) -> str:
        """The path and query of this page of the list at `path`, or of the one after a member."""
        query = {key: request.args[key] for key in ("q", "bbox", "datetime") if request.args.get(key)}
        if self.query.limit != self._default_limit:
            query["limit"] = str(self.query.limit)
        if after := self.query.after if after is None else after:
            query["after"] = after
        return f"{path}?{urlencode(query)}" if query else path

    def links(self, links: Links, path: str) -> list[Json]:
        """Links to this page of the list at `path`, and to the next one."""
        own = [link("self", links.to(self.path(path)), JSON)]
        if self.page.next is not None:
            own.append(link("next", links.to(self.path(path, self.page.next)), JSON, "Next page"))
        return own

    def counts(self) -> Json:
        """The numbers of members that match, if known, and of those on this page."""
        counts: Json = {"numberReturned": len(self.page.members)}
        return counts if self.page.total is None else {"numberMatched": self.page.total, **counts}


def asked_members(default_limit: int = DEFAULT_LIMIT) -> Query:
    """The members that the request asks for.

    Raises:
        BadRequest: a parameter is invalid.
    """
    limit = min(asked_number("limit", default_limit, 1), MOST_LISTED)
    text = request.args.get("q", "").strip()[:_LONGEST_TEXT]
    return Query(request.args.get("after", "")[:_LONGEST_TEXT], limit, text, _bbox(), _interval())


def collection_document(collection: Collection) -> Response:
    """A collection with a page of its members, where they can be listed."""
    ctx, is_html = context(), prefers_html()
    links, series = ctx.links, ctx.catalog.series(collection.config.name)
    times = () if series is None else series.labels()
    about = describe_collection(collection, links, times)
    if not collection.rule.is_listable:
        return page("members.html", about=about, entries=[]) if is_html else _json((collection.serial, links), about)
    members = MemberPage(collection, LENGTH if is_html else DEFAULT_LIMIT)
    if is_html:
        following = members.page.next
        return page(
            "members.html",
            about=about,
            entries=[(member_row(collection, entry, links), entry.summary) for entry in members.entries()],
            query=members.query,
            total=members.page.total,
            first=links.to(members.path(collection.path, "")) if members.query.after else None,
            after=None if following is None else links.to(members.path(collection.path, following)),
        )
    rows = [member_row(collection, entry, links) for entry in members.entries()]
    own = [*members.links(links, collection.path), *about["links"][1:]]
    return _json((members.key, times, links), {**about, **members.counts(), "layers": rows, "links": own})


def _json(key: Any, about: Json) -> Response:
    packed = context().packed.of(("collection", key), lambda: msgspec.json.encode(about))
    return document(packed, JSON, "no-cache", NEGOTIATED)


def _bbox() -> tuple[float, float, float, float] | None:
    text = request.args.get("bbox")
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text[:_LONGEST_TEXT].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not all(abs(number) <= 180 for number in numbers) or numbers[1] > numbers[3]:
        raise BadRequest(f"bbox={text[:60]!r}: wanted west,south,east,north in degrees")
    west, south, east, north = numbers
    return west, south, east, north


def _interval() -> Interval | None:
    text = request.args.get("datetime")
    if text is None:
        return None
    try:
        return interval(text[:_LONGEST_TEXT])
    except ValueError as error:
        raise BadRequest(f"datetime: {error}") from None
