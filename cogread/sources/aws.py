"""Credentials, regions and the URLs of objects, from boto3, which sends no request itself.

Making a client takes 0.1 s and megabytes: one for each set of options and region in a process, at first use. Only
boto3's core, botocore, is loaded: the rest is for uploads here, and takes another 0.04 s.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import PartialCredentialsError
from botocore.session import Session

from cogread.deadline import NEVER, Deadline
from cogread.sources.per_process import PerProcess
from cogread.sources.protocol import SourceOptions
from cogread.sources.sigv4 import sign, sign_query


@dataclass(frozen=True, slots=True)
class Account:
    """The credentials and the region of requests."""

    region: str
    ca_bundle: str | None
    _client: Any = field(repr=False)
    _credentials: Any = field(repr=False)
    """boto3's credentials, which renew themselves; None: requests go unsigned."""
    token: None = None
    """No bearer token."""

    def url_of(self, bucket: str, key: str) -> str:
        """The object's URL as boto3 resolves it: endpoint, addressing style, quoting.

        Raises:
            BotoCoreError: boto3 cannot resolve it.
        """
        return _url_in(self._client.get_object(Bucket=bucket, Key=key))

    def url_of_list(self, bucket: str, prefix: str, after: str) -> str:
        """The URL of a page of the keys that begin with `prefix` and come after `after`, as boto3 resolves it.

        Raises:
            BotoCoreError: boto3 cannot resolve it.
        """
        return _url_in(self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, StartAfter=after))

    def sign(self, url: str, headers: Mapping[str, str], deadline: Deadline = NEVER) -> Mapping[str, str]:
        """The headers with those of a SigV4 signature of this instant.

        Raises:
            BotoCoreError: temporary credentials could not be renewed.
        """
        if self._credentials is None:
            return headers
        return sign(url, headers, self._credentials.get_frozen_credentials(), self.region)

    def presign(self, url: str, ttl_s: int) -> str:
        """The URL for GETs without other credentials (SigV4 in the query), for `ttl_s` from now at most.

        Raises:
            BotoCoreError: temporary credentials could not be renewed.
        """
        if self._credentials is None:
            return url
        return sign_query(url, self._credentials.get_frozen_credentials(), self.region, ttl_s)


class NoCredentials(Exception):
    """No provider of boto3's chain has credentials."""


def _make_account(options: SourceOptions, region: str | None) -> Account:
    if (options.access_key_id is None) != (options.secret_access_key is None):
        raise PartialCredentialsError(provider="options", cred_var="access_key_id, secret_access_key")
    core = Session(profile=options.profile)
    if options.access_key_id is not None:
        core.set_credentials(options.access_key_id, options.secret_access_key, options.session_token)
    credentials = None if options.anonymous else core.get_credentials()
    if credentials is None and not options.anonymous:
        raise NoCredentials
    style = {None: None, True: {"addressing_style": "virtual"}, False: {"addressing_style": "path"}}
    config = Config(signature_version=UNSIGNED, s3=style[options.virtual_hosting])
    client = core.create_client(
        "s3", region_name=region or options.region, endpoint_url=options.endpoint_url, config=config
    )
    for operation in ("GetObject", "ListObjectsV2"):
        client.meta.events.register(f"before-send.s3.{operation}", _answer_with_url)
    return Account(client.meta.region_name, core.get_config_variable("ca_bundle"), client, credentials)


class _NoBody(io.BytesIO):
    """An empty body, as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """No bytes."""
        return iter(())


def _answer_with_url(request: Any, **_: Any) -> AWSResponse:
    """Answer for the origin, with the URL that boto3 is about to ask.

    `generate_presigned_url` is no substitute: it prefers the global endpoint, get_object that of the region.
    """
    return AWSResponse(request.url, 200, {"Location": request.url}, _NoBody())


def _url_in(reply: Any) -> str:
    url: str = reply["ResponseMetadata"]["HTTPHeaders"]["location"]
    return url


_accounts: dict[tuple[SourceOptions, str | None], PerProcess[Account]] = {}


def account_of(options: SourceOptions, region: str | None = None, timeout_s: float = -1) -> Account:
    """This process's account of these options.

    Args:
        options: keys, profile, endpoint and the like.
        region: region of the bucket, if it differs from that of the options.
        timeout_s: longest wait for another thread that makes it; -1: no bound. A provider of credentials (a role, a
            process) may take minutes to fail.

    Raises:
        NoCredentials: no provider has credentials.
        BotoCoreError: the profile, region or endpoint cannot be used.
        TimeoutError: another thread was still making it.
    """
    account = _accounts.setdefault((options, region), PerProcess(partial(_make_account, options, region)))
    return account.get(timeout_s)
