"""GET requests over the urllib3 pools of requests.

Strategy: requests resolves proxies, CA bundle, netrc and the like once for each place (`route`); each read then uses
the pool directly, in a third of the time. One transport serves all sources with the same options, so that a thousand
layers of one store share its connections.
"""

import http.client
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.util import Timeout

from cogread import __version__
from cogread.deadline import Deadline
from cogread.errors import SourceError, SourceProtocolError, SourceTimeout, SourceUnreachable
from cogread.sources.connection import StaleConnection, begin, bind
from cogread.sources.exchange import FirstReply, Reply, ask_kept, close_idle
from cogread.sources.process import PerProcess
from cogread.sources.protocol import SourceOptions
from cogread.sources.web import WebOrigin, WebUrl, split_url

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]

_HOSTS = 64
"""Number of hosts with a pool."""

_STALE_TRIES = 3
"""Number of pooled connections that may be stale before a new one is opened."""

FAILURES = (urllib3_errors.HTTPError, http.client.HTTPException, OSError, ValueError)
"""Errors of a request and of reading its reply."""


class Retryable(Exception):
    """A failure that is worth another try; it never leaves the package."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


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
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, HTTPAdapter(pool_connections=_HOSTS, pool_maxsize=options.pool_size))

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
        adapter = self._session.get_adapter(place)
        if not isinstance(adapter, HTTPAdapter):
            raise ValueError("no HTTP adapter")
        verify, proxies, cert = settings["verify"], settings["proxies"], settings["cert"]
        pool = adapter.get_connection_with_tls_context(prepared, verify, proxies=proxies, cert=cert)
        if not isinstance(pool, HTTPConnectionPool):
            raise ValueError("no HTTP pool")
        adapter.cert_verify(pool, place, verify, cert)  # type: ignore[no-untyped-call]
        is_proxied = pool.proxy is not None and web_url.origin.scheme == "http"  # then the pool is the proxy's
        if not is_proxied and _dialled(pool) != web_url.origin:
            raise ValueError("the connection would go to another host than the URL names")
        bind(pool)
        return Route(self._options, pool, adapter.request_url(prepared, proxies), dict(prepared.headers), web_url)


def _dialled(pool: HTTPConnectionPool) -> WebOrigin:
    return WebOrigin(pool.scheme, pool.host.lower().strip("[]"), pool.port or pool.ConnectionCls.default_port or 0)


def get(route: Route, headers: Mapping[str, str], deadline: Deadline) -> Reply:
    """Send a GET and receive the header of the reply. The caller reads the body and finishes the reply.

    Raises:
        FAILURES: see `failure`.
    """
    begin(deadline, route.options.read_timeout_s)
    sent = {**route.headers, **headers}
    for _ in range(_STALE_TRIES):
        with suppress(StaleConnection):
            return ask_kept(route.pool, route.target, sent, deadline) or _ask_newly(route, sent, deadline)
    close_idle(route.pool)
    return _ask_newly(route, sent, deadline)


def _ask_newly(route: Route, headers: dict[str, str], deadline: Deadline) -> FirstReply:
    try:
        reply = route.pool.urlopen(
            "GET",
            route.target,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(deadline.timeout_s(), route.options.connect_timeout_s, route.options.read_timeout_s),
            preload_content=False,
            decode_content=False,
        )
    except urllib3_errors.ProtocolError as error:
        if isinstance(error.args[-1], StaleConnection):
            raise error.args[-1] from None
        raise
    return FirstReply(reply)


def failure(name: str, error: Exception) -> SourceError | Retryable:
    """The error to raise for one of `FAILURES`, without its text, which may hold a signed URL."""
    cause = _cause(error)
    if isinstance(cause, (urllib3_errors.NameResolutionError, urllib3_errors.NewConnectionError)):
        reason = (
            "its host name is unknown" if isinstance(cause, urllib3_errors.NameResolutionError) else "no connection"
        )
        return Retryable(SourceUnreachable(f"{name}: {reason}"))
    if isinstance(cause, (urllib3_errors.TimeoutError, TimeoutError)):
        return SourceTimeout(f"{name}: no answer in time")
    if isinstance(cause, ConnectionError):
        return Retryable(SourceUnreachable(f"{name}: the connection was broken off"))
    if isinstance(cause, (http.client.IncompleteRead, urllib3_errors.IncompleteRead)):
        return Retryable(SourceProtocolError(f"{name}: the reply ended too early"))
    if isinstance(cause, (OSError, urllib3_errors.SSLError)):
        return SourceUnreachable(f"{name}: no connection ({type(cause).__name__})")
    if isinstance(cause, ValueError):
        return SourceError(f"{name}: the request cannot be sent ({type(cause).__name__})")
    return SourceProtocolError(f"{name}: the reply is not HTTP ({type(cause).__name__})")


def _cause(error: Exception) -> Exception:
    """The innermost error: urllib3 wraps those of sockets and http.client as the last argument."""
    while isinstance(error, (urllib3_errors.ProtocolError, urllib3_errors.ProxyError)):
        inner = error.args[-1]
        if not isinstance(inner, Exception):
            break
        error = inner
    return error


_transports: dict[SourceOptions, PerProcess[Transport]] = {}


def transport_of(options: SourceOptions) -> Transport:
    """This process's transport of these options."""
    return _transports.setdefault(options, PerProcess(partial(Transport, options))).get()
