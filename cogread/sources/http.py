"""A source behind an http(s) URL."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from requests import PreparedRequest
from requests.auth import HTTPBasicAuth

from cogread.deadline import Deadline
from cogread.errors import SourceError, SourceProtocolError
from cogread.sources.http_client.exchange import close_idle, finish_redirect, get
from cogread.sources.http_client.range_source import RangeSource
from cogread.sources.http_client.reply import Reply
from cogread.sources.http_client.transport import Auth, Route, no_auth, transport_of
from cogread.sources.http_client.url import redirection
from cogread.sources.per_process import PerProcess
from cogread.sources.protocol import SourceOptions
from cogread.sources.uri import SourceUri
from cogread.weak_method import weak_method

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3


class HttpSource(RangeSource):
    """A file on an HTTP server that supports ranges."""

    def __init__(self, uri: SourceUri, options: SourceOptions) -> None:
        super().__init__(uri.display, options)
        self._url = uri.location
        self._home = PerProcess(partial(weak_method(self._route), self._url, _auth(options)))

    def close(self) -> None:
        """See `Source.close`."""
        home = self._home.existing()
        if home:
            close_idle(home.pool)

    def _get(self, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        route = self._home.get()
        for _ in range(_MOST_REDIRECTS + 1):
            reply = get(route, headers, deadline)
            location = reply.headers.get("location") if reply.status in _REDIRECTS else None
            if location is None:
                return reply
            finish_redirect(reply)
            route = self._follow(route, location)
        raise SourceProtocolError(f"{self.name}: more than {_MOST_REDIRECTS} redirects")

    def _follow(self, current: Route, location: str) -> Route:
        """The next route: within the origin, to https on the host or to one of `redirect_hosts`; never down to http.

        Credentials go to the source's own origin, and from its port 80 to its port 443.
        """
        try:
            url = redirection(current.url, location)
        except ValueError as error:
            raise SourceProtocolError(f"{self.name}: a redirect is refused: {error}") from None
        home, there = self._home.get(), url.origin
        is_home = there == home.url.origin
        is_upgrade = home.url.origin.upgrades_to(there)
        is_downgrade = current.url.origin.scheme == "https" and there.scheme == "http"
        if is_downgrade or not (is_home or is_upgrade or there.host in map(str.lower, self._options.redirect_hosts)):
            raise SourceProtocolError(
                f"{self.name}: redirects to {there.scheme!r} on the host {there.host!r}, port {there.port}, wanted the "
                "same origin, https on the same host or one of redirect_hosts, and no step down from https"
            )
        route = self._route(str(url), no_auth)
        if route.url.origin != there:
            raise SourceProtocolError(f"{self.name}: redirects to a place that is dialled as another")
        is_trusted = is_home or (is_upgrade and home.url.origin.has_default_port)
        return replace(route, headers=home.headers) if is_trusted else route

    def _route(self, url: str, auth: Auth | None) -> Route:
        try:
            return transport_of(self._options).route(url, auth)
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.name}: cannot be asked ({type(error).__name__})") from error


def _auth(options: SourceOptions) -> Auth | None:
    """The authentication of the options; None: that of the URL's user and password, or of netrc."""
    if options.bearer_token is not None:
        return _bearer(options.bearer_token)
    if options.username is not None:
        return HTTPBasicAuth(options.username, options.password or "")
    return None


def _bearer(token: str) -> Auth:
    """Authenticate with a bearer token (RFC 6750)."""

    def add_token(request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return add_token


def make(uri: SourceUri, options: SourceOptions) -> HttpSource:
    """Make the source of an `http` or `https` URI."""
    return HttpSource(uri, options)
