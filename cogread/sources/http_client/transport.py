"""Routes to URLs: the urllib3 pools of requests, with the headers that each request needs.

Strategy: requests resolves proxies, CA bundle, netrc and the like once for each place (`Route`); each read then uses
the pool directly, in a third of the time. One transport serves all sources with the same options, so that a thousand
layers of one store share its connections.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool

from cogread import __version__
from cogread.sources.http_client.connection import bind
from cogread.sources.http_client.url import WebOrigin, WebUrl, split_url
from cogread.sources.per_process import PerProcess
from cogread.sources.protocol import SourceOptions

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]

_HOSTS = 64
"""Number of hosts with a pool."""


@dataclass(frozen=True, slots=True)
class Route:
    """The connection pool, target and headers for one URL."""

    options: SourceOptions
    """The options, with the timeouts."""

    pool: HTTPConnectionPool
    target: str = field(repr=False)
    """Path and query, or the whole URL for a proxy."""

    headers: Mapping[str, str] = field(repr=False)
    """Headers of every request, with credentials."""

    url: WebUrl = field(repr=False)
    """The URL; its origin is dialled, by the server itself or by a proxy."""

    head: bytes = field(init=False, repr=False)
    """A request without the header fields of its own, and without the empty line at its end."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", _head(self.url.origin, self.target, self.headers))


class _Unsent(HTTPConnection):
    """A connection that keeps what it is told to send."""

    sent = b""

    def send(self, data: Any) -> None:
        """See `HTTPConnection.send`."""
        self.sent += data


def _head(origin: WebOrigin, target: str, headers: Mapping[str, str]) -> bytes:
    """The request as http.client writes and checks it.

    Raises:
        ValueError, HTTPException: no request can have this target or these headers.
    """
    connection = _Unsent(origin.host, origin.port)
    if origin.has_default_port:
        connection.default_port = origin.port
    connection.request("GET", target, headers=headers)
    return connection.sent.removesuffix(b"\r\n")


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials, not even those of netrc or the URL."""
    return request


class Transport:
    """The connections of one process to the origins of one set of options."""

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers.update({"User-Agent": f"cogread/{__version__}", "Accept-Encoding": "identity"})
        self._adapter = HTTPAdapter(pool_connections=_HOSTS, pool_maxsize=options.pool_size)

    def route(self, url: str, auth: Auth | None = None, ca_bundle: str | None = None, verbatim: bool = False) -> Route:
        """Resolve the route to a URL.

        Args:
            url: the place.
            auth: adds the credentials; None: those of the URL or netrc.
            ca_bundle: file or folder of trusted certificates; None: that of requests.
            verbatim: the URL is quoted and signed already.

        Raises:
            OSError, ValueError: the URL or the settings of the machine cannot be used (requests' errors are OSErrors).
        """
        split_url(url)  # before it is normalized, which would quote a backslash
        prepared = self._session.prepare_request(requests.Request("GET", url, auth=auth))
        if verbatim:
            prepared.url = url
        place = prepared.url or url
        web_url = split_url(place)
        settings = self._session.merge_environment_settings(place, {}, True, ca_bundle, None)
        verify, proxies, cert = settings["verify"], settings["proxies"], settings["cert"]
        pool: Any = self._adapter.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
        self._adapter.cert_verify(pool, place, verify, cert)  # type: ignore[no-untyped-call]
        is_proxied = pool.proxy is not None and web_url.origin.scheme == "http"  # then the pool is the proxy's
        if not is_proxied and _dialled(pool) != web_url.origin:
            raise ValueError("the connection would go to another host than the URL names")
        bind(pool)
        return Route(self._options, pool, self._adapter.request_url(prepared, proxies), dict(prepared.headers), web_url)


def _dialled(pool: HTTPConnectionPool) -> WebOrigin:
    return WebOrigin(pool.scheme, pool.host.lower().strip("[]"), pool.port or pool.ConnectionCls.default_port or 0)


_transports: dict[SourceOptions, PerProcess[Transport]] = {}


def transport_of(options: SourceOptions) -> Transport:
    """This process's transport of these options."""
    return _transports.setdefault(options, PerProcess(partial(Transport, options))).get()
