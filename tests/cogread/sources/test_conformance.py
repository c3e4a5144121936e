"""Conformance of every source."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import cast
from uuid import uuid4

import pytest

from cogread.byterange import ByteRange
from cogread.errors import SourceChanged, SourceNotFound, SourceProtocolError
from cogread.sources import Document, Source, open_source
from tests.support.azure import Blobs
from tests.support.memory_source import MemorySource
from tests.support.origin import Origin
from tests.support.s3 import Store

DATA = Random(1).randbytes(100_003)
OTHER = Random(2).randbytes(100_003)
"""Contents of the same size, so that only the version tells them apart."""


@dataclass(frozen=True)
class Case:
    source: Source
    replace: Callable[[bytes], object]


def _memory(request: pytest.FixtureRequest) -> Case:
    source = MemorySource(DATA)
    return Case(source, lambda data: setattr(source, "data", data))


def _file(request: pytest.FixtureRequest) -> Case:
    path: Path = request.getfixturevalue("tmp_path") / "a b.tif"
    path.write_bytes(DATA)

    def replace(data: bytes) -> None:
        path.with_suffix(".new").write_bytes(data)
        path.with_suffix(".new").rename(path)

    return Case(open_source(str(path)), replace)


def _http(request: pytest.FixtureRequest) -> Case:
    origin: Origin = request.getfixturevalue("origin")
    origin.put("/a b.tif", DATA)
    return Case(open_source(f"{origin.url}/a b.tif"), lambda data: origin.put("/a b.tif", data))


def _s3(request: pytest.FixtureRequest) -> Case:
    store: Store = request.getfixturevalue("store")
    key = f"{uuid4()}/a b+c%20é.tif"
    return Case(open_source(store.put(key, DATA), store.options), lambda data: store.put(key, data))


def _gs(request: pytest.FixtureRequest) -> Case:
    store: Store = request.getfixturevalue("store")
    key = f"{uuid4()}/a b+c%20é.tif"
    uri = store.put(key, DATA).replace("s3:", "gs:")
    return Case(open_source(uri, store.google_options), lambda data: store.put(key, data))


def _az(request: pytest.FixtureRequest) -> Case:
    blobs: Blobs = request.getfixturevalue("blobs")
    name = "a b+c%20é.tif"
    return Case(
        open_source(blobs.store("imagery", name, DATA), blobs.options), lambda data: blobs.store("imagery", name, data)
    )


OVER_HTTP = {"http": _http, "s3": _s3, "gs": _gs, "az": _az}
CASES = {"memory": _memory, "file": _file, **OVER_HTTP}
DOCUMENTS = {"file": _file, **OVER_HTTP}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())
class TestEverySource:
    @pytest.fixture(autouse=True)
    def _case(self, make: Callable[[pytest.FixtureRequest], Case], request: pytest.FixtureRequest) -> object:
        self.case = make(request)
        self.source = self.case.source
        yield
        self.source.close()

    @pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 16384), (5, 70_000), (100_002, 100_003), (0, 100_003)])
    def test_reads_the_bytes_of_the_range(self, start: int, stop: int) -> None:
        read = self.source.read(ByteRange(start, stop))
        assert read.data == DATA[start:stop]
        assert read.version.size_bytes == len(DATA)

    def test_cuts_a_range_off_at_the_end(self) -> None:
        assert self.source.read(ByteRange(100_000, 200_000)).data == DATA[100_000:]

    @pytest.mark.parametrize("start", [100_003, 2**63])
    def test_refuses_a_range_beyond_the_end(self, start: int) -> None:
        with pytest.raises(SourceProtocolError, match="wanted the bytes"):
            self.source.read(ByteRange(start, start + 1))

    def test_a_range_beyond_the_end_is_no_sign_of_change(self) -> None:
        with pytest.raises(SourceProtocolError):
            self.source.read(ByteRange(100_003, 100_004), expect=self.source.version())

    def test_the_version_stays_while_the_content_stays(self) -> None:
        version = self.source.version()
        assert self.source.version() == version
        assert self.source.read(ByteRange(9, 99), expect=version).version.key == version.key

    def test_a_replaced_source_is_noticed(self) -> None:
        old = self.source.version()
        self.case.replace(OTHER)
        with pytest.raises(SourceChanged):
            self.source.read(ByteRange(0, 100), expect=old)
        new = self.source.read(ByteRange(0, 100))
        assert new.data == OTHER[:100]
        assert new.version.key != old.key

    def test_a_source_that_shrank_is_noticed(self) -> None:
        old = self.source.version()
        self.case.replace(DATA[:1000])
        with pytest.raises(SourceChanged):
            self.source.read(ByteRange(500, 2000), expect=old)
        with pytest.raises(SourceChanged):
            self.source.read(ByteRange(5000, 6000), expect=old)

    def test_many_threads_each_get_their_own_bytes(self) -> None:
        ranges = [ByteRange(start, start + 3000) for start in range(0, 96_000, 400)]
        with ThreadPoolExecutor(16) as pool:
            actual = list(pool.map(lambda wanted: self.source.read(wanted).data, ranges))
        assert actual == [DATA[wanted.start : wanted.stop] for wanted in ranges]

    def test_may_be_used_after_close(self) -> None:
        self.source.read(ByteRange(0, 9))
        self.source.close()
        assert self.source.read(ByteRange(0, 9)).data == DATA[:9]


@pytest.mark.parametrize("scheme", ["file", "http", "s3", "gs", "az"])
def test_what_is_not_there_is_not_found(
    scheme: str, tmp_path: Path, origin: Origin, store: Store, blobs: Blobs
) -> None:
    places = {"file": str(tmp_path / "no.tif"), "http": f"{origin.url}/no.tif"}
    options = {"gs": store.google_options, "az": blobs.options}.get(scheme, store.options)
    source = open_source(places.get(scheme, f"{scheme}://{store.bucket}/no.tif"), options)
    for read in (source.version, lambda: source.read(ByteRange(0, 9))):
        with pytest.raises(SourceNotFound, match=r"no\.tif"):
            read()
    source.close()


@pytest.mark.parametrize("make", DOCUMENTS.values(), ids=DOCUMENTS.keys())
class TestEveryDocument:
    @pytest.fixture(autouse=True)
    def _case(self, make: Callable[[pytest.FixtureRequest], Case], request: pytest.FixtureRequest) -> None:
        self.case = make(request)
        self.document: Document = cast(Document, self.case.source)

    def test_is_read_again_only_when_it_changed(self) -> None:
        first = self.document.read_whole(len(DATA))
        assert first is not None
        assert first.data == DATA
        assert self.document.read_whole(len(DATA), first.version) is None
        self.case.replace(OTHER)
        second = self.document.read_whole(len(DATA), first.version)
        assert second is not None
        assert second.data == OTHER

    def test_is_refused_when_it_is_too_large(self) -> None:
        with pytest.raises(SourceProtocolError, match="100003 bytes, wanted 100002 at most"):
            self.document.read_whole(len(DATA) - 1)

    def test_may_be_empty(self) -> None:
        self.case.replace(b"")
        read = self.document.read_whole(100)
        assert read is not None
        assert read.data == b""
