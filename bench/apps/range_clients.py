"""CPU time of HTTP clients for ranges of a file, in turns, for each client that can be imported.

python -m bench.apps.range_clients ENDPOINT NAME ROUNDS < RANGES      # as JSON; prints client -> µs of each round
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

Read = Callable[[int, int], Any]
"""Reads a half-open range."""

BUCKET = "0ms"


def clients(endpoint: str, name: str) -> Iterator[tuple[str, Read]]:
    """Name and reader of each."""
    yield "http.client", _http_client(endpoint, f"/{BUCKET}/{name}")
    for make in (_urllib3, _requests, _boto3):
        with suppress(ImportError):
            yield make.__name__.removeprefix("_"), make(endpoint, name)
    for make_two in (_obstore, _cogread):
        with suppress(ImportError):
            yield from make_two(endpoint, name)


def _http_client(endpoint: str, path: str) -> Read:
    connection = HTTPConnection(urlsplit(endpoint).netloc)

    def read(start: int, stop: int) -> bytes:
        connection.request("GET", path, headers={"Range": f"bytes={start}-{stop - 1}"})
        return connection.getresponse().read()

    return read


def _urllib3(endpoint: str, name: str) -> Read:
    import urllib3  # noqa: PLC0415

    pool, url = urllib3.PoolManager(), f"{endpoint}/{BUCKET}/{name}"
    return lambda start, stop: pool.request("GET", url, headers={"Range": f"bytes={start}-{stop - 1}"}).data


def _requests(endpoint: str, name: str) -> Read:
    import requests  # noqa: PLC0415

    session, url = requests.Session(), f"{endpoint}/{BUCKET}/{name}"
    return lambda start, stop: session.get(url, headers={"Range": f"bytes={start}-{stop - 1}"}, timeout=9).content


def _boto3(endpoint: str, name: str) -> Read:
    import boto3  # noqa: PLC0415

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)

    def read(start: int, stop: int) -> bytes:
        reply = client.get_object(Bucket=BUCKET, Key=name, Range=f"bytes={start}-{stop - 1}")
        data: bytes = reply["Body"].read()
        return data

    return read


def _obstore(endpoint: str, name: str) -> Iterator[tuple[str, Read]]:
    import obstore  # type: ignore[import-not-found]  # noqa: PLC0415
    from obstore.store import HTTPStore, S3Store  # type: ignore[import-not-found]  # noqa: PLC0415

    options = {"allow_http": True}
    keys = {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1"}
    stores = {
        "http": HTTPStore.from_url(f"{endpoint}/{BUCKET}", client_options=options),
        "s3": S3Store(BUCKET, endpoint=endpoint, client_options=options, **keys),
    }
    for kind, store in stores.items():
        etag = obstore.head(store, name)["e_tag"]

        def read(start: int, stop: int, store: Any = store, etag: str = etag) -> bytes:
            """Read a range of a version, as rawcog does."""
            return bytes(obstore.get(store, name, options={"range": (start, stop), "if_match": etag}).bytes())

        yield f"obstore, {kind}", read


def _cogread(endpoint: str, name: str) -> Iterator[tuple[str, Read]]:
    from cogread.sources import SourceOptions  # noqa: PLC0415

    options = SourceOptions(endpoint_url=endpoint, region="us-east-1", access_key_id="key", secret_access_key="secret")
    yield "rawcog, http", _source(f"{endpoint}/{BUCKET}/{name}", options)
    yield "rawcog, s3", _source(f"s3://{BUCKET}/{name}", options)


def _source(uri: str, options: Any) -> Read:
    from cogread.byterange import ByteRange  # noqa: PLC0415
    from cogread.sources import open_source  # noqa: PLC0415

    source = open_source(uri, options)
    version = source.version()
    return lambda start, stop: source.read(ByteRange(start, stop), version).data


def _cpu_us(read: Read, ranges: list[tuple[int, int]]) -> float:
    before_s = time.process_time()
    for start, stop in ranges:
        if len(read(start, stop)) != stop - start:
            raise AssertionError("a body of another size")
    return (time.process_time() - before_s) / len(ranges) * 1e6


def main(endpoint: str, name: str, rounds: str) -> None:
    """Measure."""
    ranges = [(start, stop) for start, stop in json.load(sys.stdin)]
    readers = dict(clients(endpoint, name))
    for read in readers.values():
        _cpu_us(read, ranges[:10])
    taken: dict[str, list[float]] = {client: [] for client in readers}
    for _ in range(int(rounds)):
        for client, read in readers.items():
            taken[client].append(_cpu_us(read, ranges))
    print(json.dumps(taken))


if __name__ == "__main__":
    main(*sys.argv[1:])
