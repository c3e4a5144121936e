"""GET requests over the urllib3 pools that requests sits on.

Strategy: requests resolves proxies, CA bundle, netrc and the like once for each place (`route`); each read then goes
straight to the pool, which takes a third of the time. One transport serves all sources of the same options, so that a
thousand layers of one store share its connections.
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
"""Hosts whose pools are kept."""

_STALE_TRIES = 3
"""Pooled connections that may turn out to be closed before a fresh one must do."""

FAILURES = (urllib3_errors.HTTPError, http.client.HTTPException, OSError, ValueError)
"""All that comes out of a request and of reading its reply."""


class Retryable(Exception):
    """A failure that another try may mend; it never leaves the package."""

    def __init__(self, error: SourceError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one URL."""

    options: SourceOptions
    """Timeouts among them."""

    pool: HTTPConnectionPool
    target: str = field(repr=False)
    """Path and query, or the whole URL where a proxy wants it."""

    headers: Mapping[str, str] = field(repr=False)
    """Headers of every request, credentials among them."""

    url: WebUrl = field(repr=False)
    """The place; its origin is the one that is dialled, or that a proxy is asked to dial."""


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no credentials, not even those that netrc or the URL has."""
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
        """Find the way to a URL.

        Args:
            url: the place.
            auth: what adds the credentials; None: the URL's or netrc's.
            ca_bundle: file or folder of trusted certificates; None: as requests finds it.
            verbatim: the URL is quoted already and signed as it stands.

        Raises:
            OSError, ValueError: the URL or the settings of the machine cannot be used (requests' errors are OSErrors).
        """
        split_url(url)  # before it is normalized: a backslash would be quoted
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
            raise ValueError("the connection would go to another place than the URL names")
        bind(pool)
        return Route(self._options, pool, adapter.request_url(prepared, proxies), dict(prepared.headers), web_url)


def _dialled(pool: HTTPConnectionPool) -> WebOrigin:
    return WebOrigin(pool.scheme, pool.host.lower().strip("[]"), pool.port or pool.ConnectionCls.default_port or 0)


def get(route: Route, headers: Mapping[str, str], deadline: Deadline) -> Reply:
    """Send a GET and receive the reply's header. The body is the caller's to read, and the reply to finish.

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
    """What to raise for one of `FAILURES`. Its own text stays out: it may hold the URL with a signature."""
    cause = _cause(error)
    if isinstance(cause, (urllib3_errors.NameResolutionError, urllib3_errors.NewConnectionError)):
        found = "its host name is unknown" if isinstance(cause, urllib3_errors.NameResolutionError) else "no connection"
        return Retryable(SourceUnreachable(f"{name}: {found}"))
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
