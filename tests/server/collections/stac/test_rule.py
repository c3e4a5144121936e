"""Collections by STAC: static catalogs, lists of items, APIs, and what is wrong with them."""

import json
import logging
from pathlib import Path

import pytest

from cogread.errors import CogError
from server.collections import Member, Query, Rule, make_rule
from server.collections.stac import catalog_walk
from tests.support.app import ROOT, settings
from tests.support.faults import redirect
from tests.support.origin import Origin
from tests.support.s3 import KEYS, Store, source_table
from tests.support.stac import Json, container, item, items, put_all
from tests.support.wait import wait_until

DATA = ROOT / "tests" / "data" / "stac"

CATALOG = {
    "catalog.json": container("Catalog", ("root", "./catalog.json"), ("child", "./ortho/collection.json")),
    "ortho/collection.json": container(
        "Collection",
        ("root", "../catalog.json"),
        ("parent", "../catalog.json"),
        ("item", "./a/a.json"),
        ("item", "b.json"),
        ("child", "../catalog.json"),  # a circle
        providers=[
            {"name": "Survey", "roles": ["producer"], "url": "https://survey.example"},
            {"name": "Host", "roles": ["host"]},
        ],
        license="CC-BY-4.0",
    ),
    "ortho/a/a.json": item(
        "a/1",
        "./a 1.tif",
        bbox=[7.0, 46.0, 100.0, 8.0, 47.0, 4000.0],
        properties={"title": "Sheet  A\n", "datetime": "2022-10-03 16:02:35+02:00"},
        links=[{"rel": "collection", "href": "../collection.json"}],
    ),
    "ortho/b.json": item(
        "b:2",
        "../b.tif",
        bbox=[170.0, -20.0, -170.0, -10.0],
        properties={
            "datetime": None,
            "start_datetime": "2023-01-01T00:00:00Z",
            "end_datetime": "2023-12-31T23:59:59Z",
            "providers": [{"name": "Pilots", "roles": ["processor"]}],
        },
    ),
}


def rule_of(folder: Path, place: str, more: str = "", environment: dict[str, str] | None = None) -> Rule:
    config = f"[collections.c]\nstac = '{place}'\n{more}"
    return make_rule(settings(folder, config, environment or {}).collections["c"])


def members(rule: Rule, **query: object) -> list[Member]:
    return rule.page(Query(**query)).members  # type: ignore[arg-type]


def names(rule: Rule, **query: object) -> list[str]:
    return [member.name for member in members(rule, **query)]


def put_local(folder: Path, documents: Json) -> None:
    for path, document in documents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(document))


class TestStaticCatalog:
    @pytest.fixture(params=["local", "http", "s3"])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Rule, str]:
        if request.param == "local":
            put_local(tmp_path / "stac", CATALOG)
            return rule_of(tmp_path, "stac/catalog.json"), f"{tmp_path}/stac/"
        if request.param == "http":
            origin: Origin = request.getfixturevalue("origin")
            put_all(origin.put, {f"/s/{path}": document for path, document in CATALOG.items()})
            return rule_of(tmp_path, f"{origin.url}/s/catalog.json"), f"{origin.url}/s/"
        store: Store = request.getfixturevalue("store")
        put_all(store.put, {f"s/{path}": document for path, document in CATALOG.items()})
        source = source_table(store.endpoint_url)
        rule = rule_of(tmp_path, f"s3://{store.bucket}/s/catalog.json", f"source = 'store'\n{source}", KEYS)
        return rule, f"s3://{store.bucket}/s/"

    def test_its_items_are_members_with_their_facts(self, place: tuple[Rule, str]) -> None:
        rule, start = place
        first, second = members(rule)
        assert (first.name, first.uri.location) == ("a~1", f"{start}ortho/a/a 1.tif")
        assert (first.title, first.attribution) == ("Sheet A", "Survey (CC-BY-4.0)")
        assert (first.bbox, first.datetime, first.end_datetime) == ((7, 46, 8, 47), "2022-10-03T14:02:35Z", None)
        assert (second.name, second.uri.location, second.title) == ("b:2", f"{start}b.tif", None)
        assert (second.attribution, second.bbox) == ("Pilots", (170, -20, -170, -10))
        assert (second.datetime, second.end_datetime) == ("2023-01-01T00:00:00Z", "2023-12-31T23:59:59Z")
        assert rule.find("a~1") == first
        assert rule.find("a") is None
        assert first.parts["year"] == "2022"

    def test_it_is_listed_by_pages_and_by_place_time_and_words(self, place: tuple[Rule, str]) -> None:
        rule, _ = place
        page = rule.page(Query(limit=1))
        assert (len(page.members), page.next, page.total) == (1, "a~1", 2)
        page = rule.page(Query(after="a~1", limit=1))
        assert ([member.name for member in page.members], page.next) == (["b:2"], None)
        assert names(rule, text="sheet A") == ["a~1"]
        assert names(rule, bbox=(7.9, 46.9, 9, 48)) == ["a~1"]
        assert names(rule, bbox=(-175, -15, -171, -12)) == names(rule, bbox=(175, -15, -175, -12)) == ["b:2"]
        assert names(rule, bbox=(0, -15, 10, -12)) == []
        assert names(rule, datetime=("2023-06-01T00:00:00Z", None)) == ["b:2"]
        assert names(rule, datetime=(None, "2022-10-03T14:02:35Z")) == ["a~1"]


class TestApi:
    def test_the_pages_of_items_are_followed(self, origin: Origin, tmp_path: Path) -> None:
        url = f"{origin.url}/collections/naip"
        own = [{"rel": "collection", "href": url}]
        pages = {
            "/collections/naip": container(
                "Collection", ("items", f"{url}/items"), ("item", "no.json"), license="CC0-1.0"
            ),
            "/collections/naip/items": items(item("a", "/a.tif", links=own), links=[{"rel": "next", "href": "page2"}]),
            "/collections/naip/page2": items(
                item("b", "/b.tif", links=own), links=[{"rel": "next", "href": f"{url}/page3?token=1", "method": "GET"}]
            ),
            "/collections/naip/page3": items(item("c", "/c.tif"), links=[{"rel": "next", "href": "items"}]),  # a circle
        }
        put_all(origin.put, pages)
        rule = rule_of(tmp_path, url)
        assert [(member.name, member.attribution) for member in members(rule)] == [
            ("a", "CC0-1.0"),
            ("b", "CC0-1.0"),
            ("c", None),
        ]
        assert "?token=1" in origin.requests[-1].path
        assert len(origin.requests) == len(pages)

    def test_a_next_page_by_post_is_not_asked_for_and_told(
        self, origin: Origin, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        page = json.loads((DATA / "planetary_computer_page.json").read_bytes())
        origin.put("/search", json.dumps(page).encode())
        rule = rule_of(tmp_path, f"{origin.url}/search", "hosts = ['naipeuwest.blob.core.windows.net']")
        assert len(members(rule)) == 2
        assert "its next page is asked for by 'POST', wanted GET" in caplog.text


class TestRealDocuments:
    @pytest.mark.parametrize(
        ("file", "more", "locations"),
        [
            (
                "earth_search_item.json",
                "hosts = ['sentinel-cogs.s3.us-west-2.amazonaws.com']",
                ["https://sentinel-cogs.s3.us-west-2.amazonaws.com/…/TCI.tif"],
            ),
            (
                "planetary_computer_page.json",
                "hosts = ['naipeuwest.blob.core.windows.net']",
                [
                    "https://naipeuwest.blob.core.windows.net/naip/v002/vt/2018/vt_060cm_2018/43073/m_4307308_nw_18_060_20181019.tif",
                    "https://naipeuwest.blob.core.windows.net/naip/v002/vt/2018/vt_060cm_2018/44073/m_4407364_sw_18_060_20181019.tif",
                ],
            ),
            (
                "maxar_item.json",
                "asset = 'visual'\nhosts = ['s3://maxar-opendata']",
                ["s3://…/105001004042BF00-visual.tif"],
            ),
            (
                "maxar_item.json",
                "asset = 'visual'\nhosts = ['maxar-opendata.s3.amazonaws.com']",
                ["https://maxar-opendata.s3.amazonaws.com/…/105001004042BF00-visual.tif"],
            ),
            (
                "swisstopo_item.json",
                "asset = '*-komb-10.tiff'\nhosts = ['data.geo.admin.ch']",
                ["https://data.geo.admin.ch/…/smr200-200-1-2016-2056-komb-10.tiff"],
            ),
        ],
    )
    def test_lead_to_the_picture_of_each_item(self, tmp_path: Path, file: str, more: str, locations: list[str]) -> None:
        listed = members(rule_of(tmp_path, str(DATA / file), more))
        assert [member.refusal for member in listed] == [None] * len(locations)
        for member, location in zip(listed, locations, strict=True):
            start, _, end = location.rpartition("…")
            assert member.uri.location.startswith(start)
            assert member.uri.location.endswith(end)
            assert not member.is_own

    def test_state_time_and_place(self, tmp_path: Path) -> None:
        hosts = "hosts = ['naipeuwest.blob.core.windows.net']"
        member = rule_of(tmp_path, str(DATA / "planetary_computer_page.json"), hosts).find(
            "vt_m_4407364_sw_18_060_20181019_20190225"
        )
        assert member is not None
        assert (member.datetime, member.bbox) == ("2018-10-19T00:00:00Z", (-73.1308, 43.996192, -73.056629, 44.066307))

    def test_of_swisstopo_name_the_providers_in_their_collection(self, origin: Origin, tmp_path: Path) -> None:
        path = "/api/stac/v0.9/collections/ch.swisstopo.pixelkarte-farbe-pk200.noscale"
        document = (
            (DATA / "swisstopo_item.json").read_bytes().replace(b"https://data.geo.admin.ch", origin.url.encode())
        )
        origin.put(f"{path}/items/smr200-200-1-2016", document)
        origin.put(path, (DATA / "swisstopo_collection.json").read_bytes())
        (member,) = members(
            rule_of(tmp_path, f"{origin.url}{path}/items/smr200-200-1-2016", "asset = '*-komb-10.tiff'")
        )
        assert member.attribution == "Federal Office of Topography - swisstopo"
        assert member.is_own


class TestBrokenParts:
    def test_items_are_listed_with_their_reasons(self, tmp_path: Path) -> None:
        broken: Json = {
            "no-assets": {"assets": {}},
            "null": {"assets": None},
            "other type": {},
            "..": {},
            ".hidden/x": {},
            "x" * 201: {},
            "é": {},
            "a@b": {},
            "host": {"assets": {"a": {"href": "http://169.254.169.254/x.tif", "type": "image/tiff"}}},
            "jpeg": {"assets": {"a": {"href": "x.jpg", "type": "image/jpeg"}}},
        }
        features = [item(name, "x.tif", **change) for name, change in broken.items()]
        features += [{"id": 5}, "text", item("good", "x.tif"), item("good", "y.tif")]  # type: ignore[list-item]
        put_local(tmp_path, {"items.json": items(*features)})
        rule = rule_of(tmp_path, "items.json")
        listed = members(rule)
        assert [member.name for member in listed if member.refusal is None] == ["good"]
        assert rule.find("good").uri.location.endswith("x.tif")  # type: ignore[union-attr]
        refused = {member.title or member.name: member.refusal for member in listed if member.refusal is not None}
        assert len(refused) == len(broken) + 2
        reasons = " ".join(str(reason) for reason in refused.values())
        assert "'169.254.169.254', which hosts does not name" in reasons
        assert "no asset that is a COG by its media type, only a" in reasons
        assert reasons.count("its id has another form") == 6

    def test_documents_are_left_out_and_told_once(
        self, origin: Origin, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        deep = b'{"type": "Feature", "id": ' + b"[" * 100_000 + b"}"
        put_all(
            origin.put,
            {
                "/c.json": container("Catalog", ("item", "a.json"), *(("item", f"{at}.json") for at in range(5))),
                "/a.json": item("a", "a.tif"),
            },
        )
        for at, body in enumerate((b"no JSON", b"[]", deep, b'{"type": "Topology"}')):
            origin.put(f"/{at}.json", body)
        rule = rule_of(tmp_path, f"{origin.url}/c.json", "refresh_s = 1")
        assert names(rule) == ["a"]
        assert caplog.text.count("it is not STAC") == 4
        assert "4.json: not there (status 404)" in caplog.text
        count = len(caplog.records)
        asked = len(origin.requests)
        wait_until(lambda: bool(names(rule)) and len(origin.requests) > asked + 5)
        assert len(caplog.records) == count

    def test_the_first_document_is_required(self, origin: Origin, tmp_path: Path) -> None:
        for body in (b"", b"{}", b"null", b'{"type": "FeatureCollection", "features": 5}'):
            origin.put("/c.json", body)
            with pytest.raises(CogError, match="it is not STAC"):
                members(rule_of(tmp_path, f"{origin.url}/c.json"))
        with pytest.raises(CogError, match="404"):
            members(rule_of(tmp_path, f"{origin.url}/none.json"))


class TestOtherPlaces:
    def test_are_never_asked(self, origin: Origin, other: Origin, tmp_path: Path) -> None:
        evil = f"{other.url}/x.json"
        relative = f"//{other.host}/x.json"
        asset = {"visual": {"href": evil, "type": "image/tiff"}}
        put_all(
            origin.put,
            {
                "/c.json": container(
                    "Catalog",
                    *((rel, link) for rel in ("child", "item") for link in (evil, relative, "turn.json")),
                    ("item", "a.json"),
                    ("item", "list.json"),
                ),
                "/a.json": item("a", "a.tif", assets=asset, links=[{"rel": "collection", "href": evil}]),
                "/list.json": items(
                    item("b", "b.tif", links=[{"rel": "self", "href": evil}, {"rel": "collection", "href": evil}]),
                    links=[{"rel": "next", "href": evil}],
                ),
                "/turn.json": {},
            },
        )
        origin.fail("/turn.json", redirect(evil), times=9)
        rule = rule_of(tmp_path, f"{origin.url}/c.json")
        assert {member.name: member.refusal is None for member in members(rule)} == {"a": False, "b": True}
        assert rule.find("b").uri.location == f"{origin.url}/b.tif"  # type: ignore[union-attr]

    def test_that_hosts_names_are_asked_without_credentials(self, origin: Origin, tmp_path: Path) -> None:
        with Origin() as named:
            put_all(origin.put, {"/c.json": container("Catalog", ("item", f"{named.url}/a.json"), ("item", "b.json"))})
            put_all(named.put, {"/a.json": item("a", "a.tif")})
            put_all(origin.put, {"/b.json": item("b", "b.tif")})
            source = "source = 'api'\n[sources.api]\ntype = 'http'\nbearer_token_env = 'TOKEN'"
            more = f"hosts = ['{named.host}']\n{source}"
            config = f"[collections.c]\nstac = '{origin.url}/c.json'\n{more}"
            collection = settings(tmp_path, config, {"TOKEN": "word"}).collections["c"]
            rule = make_rule(collection)
            assert names(rule) == ["a", "b"]
            assert [request.headers.get("authorization") for request in origin.requests] == ["Bearer word"] * 2
            assert [request.headers.get("authorization") for request in named.requests] == [None]
            tokens = [collection.member(m.name, m.uri, "", None, m.is_own).options.bearer_token for m in members(rule)]
            assert tokens == [None, "word"]


class TestRefresh:
    def test_unchanged_documents_are_not_sent_again(self, origin: Origin, tmp_path: Path) -> None:
        put_all(
            origin.put,
            {"/c.json": container("Catalog", ("item", "a.json"), ("item", "b.json")), "/a.json": item("a", "1.tif")}
            | {"/b.json": item("b", "b.tif")},
        )
        rule = rule_of(tmp_path, f"{origin.url}/c.json", "refresh_s = 1")
        assert names(rule) == ["a", "b"]
        put_all(origin.put, {"/a.json": item("a", "2.tif"), "/c.json": container("Catalog", ("item", "a.json"))})
        wait_until(lambda: names(rule) == ["a"])
        assert rule.find("a").uri.location.endswith("2.tif")  # type: ignore[union-attr]
        asked = len(origin.requests)
        wait_until(lambda: bool(names(rule)) and len(origin.requests) >= asked + 2)
        for request in origin.requests[asked : asked + 2]:  # each is answered 304
            assert request.headers["if-none-match"] == origin.resource(request.path).etag

    def test_a_broken_one_keeps_the_members_and_is_told_once(
        self, origin: Origin, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        documents = {"/c.json": container("Catalog", ("item", "a.json")), "/a.json": item("a", "1.tif")}
        put_all(origin.put, documents)
        rule = rule_of(tmp_path, f"{origin.url}/c.json", "refresh_s = 1")
        assert names(rule) == ["a"]
        origin.put("/a.json", b"half of a docu")
        wait_until(lambda: names(rule) == ["a"] and "a.json: it is not STAC" in caplog.text)
        origin.put("/c.json", b"{")
        wait_until(lambda: names(rule) == ["a"] and "c.json: it is not STAC" in caplog.text)
        put_all(origin.put, documents | {"/a.json": item("new", "1.tif")})
        wait_until(lambda: names(rule) == ["new"])
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 2


class TestBounds:
    def test_of_depth_documents_and_items(
        self, origin: Origin, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chain = {f"/{at}.json": container("Catalog", ("child", f"{at + 1}.json")) for at in range(99)}
        put_all(origin.put, chain)
        assert names(rule_of(tmp_path, f"{origin.url}/0.json")) == []
        assert len(origin.requests) == catalog_walk.MOST_DEPTH + 1
        put_all(
            origin.put,
            {
                f"/p{at}.json": items(item(f"i{at}", "x.tif"), links=[{"rel": "next", "href": f"p{at + 1}.json"}])
                for at in range(50)
            },
        )
        monkeypatch.setattr(catalog_walk, "MOST_ENTRIES", 20)
        assert len(names(rule_of(tmp_path, f"{origin.url}/p0.json"))) == 20
        monkeypatch.setattr(catalog_walk, "MOST_DOCUMENTS", 10)
        assert len(names(rule_of(tmp_path, f"{origin.url}/p0.json"))) == 10
        for text in ("12 levels deep", "more than 20 items", "more than 10 documents"):
            assert text in caplog.text

    def test_of_the_size_of_a_document(self, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put_all(origin.put, {"/c.json": items(item("a", "x.tif"))})
        monkeypatch.setattr(catalog_walk, "DOCUMENT_BYTES", 100)
        with pytest.raises(CogError, match="wanted 100 at most"):
            members(rule_of(tmp_path, f"{origin.url}/c.json"))
