"""An S3 store on 127.0.0.1: moto's server in a process of its own.

It honours ranges and If-Match; signatures are not checked.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

from cogread.sources import SourceOptions

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


KEYS: Final = {"STORE_KEY": "test", "STORE_SECRET": "hunter2"}
"""Environment with the keys of `source_table`."""


def source_table(endpoint_url: str) -> str:
    """The table of the config file that makes a store the source `store`."""
    return f"""
[sources.store]
type = "s3"
endpoint_url = "{endpoint_url}"
region = "us-east-1"
access_key_id_env = "STORE_KEY"
secret_access_key_env = "STORE_SECRET"
"""


@dataclass(frozen=True, slots=True)
class Store:
    """A running store with one bucket."""

    endpoint_url: str
    client: Any
    """A boto3 client, for tests to fill the bucket with and to compare with."""

    bucket: str = "imagery"

    @property
    def options(self) -> SourceOptions:
        """Options with which cogread reaches it."""
        return SourceOptions(
            endpoint_url=self.endpoint_url, region="us-east-1", access_key_id="test", secret_access_key="test"
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which any program reaches it."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        return keys | {"AWS_ENDPOINT_URL": self.endpoint_url}

    @property
    def google_options(self) -> SourceOptions:
        """Options of `gs` URIs: Google's XML API takes the requests of S3 clients, with keys of its own."""
        return SourceOptions(endpoint_url=self.endpoint_url, access_key_id="GOOGTEST", secret_access_key="test")

    def put(self, key: str, data: bytes) -> str:
        """Store an object; its URI."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"


@contextmanager
def running_store() -> Iterator[Store]:
    """Start the server, and end it afterwards (it lives as long as its standard input)."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        endpoint_url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(response_checksum_validation="when_required"),
        )
        store = Store(endpoint_url, client)
        client.create_bucket(Bucket=store.bucket)
        yield store
        client.close()
        process.terminate()
