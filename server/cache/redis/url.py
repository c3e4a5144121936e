"""Redis URLs: one server, a cluster, or the sentinels of a service.

redis-py reads the URL of one server. For the others it has none, so they have the spelling that is common elsewhere:
hosts between commas, and the service as the first part of the path. User, password and options are read by redis-py in
every URL, so that an option means the same in all of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry

from server.cache.redis.pool import server_pool
from server.cache.redis.resp import ReplyParser

CONNECTIONS = 8
"""To one server, of one worker. Calls take well below a millisecond, so 32 threads share them; small plans allow 20 for
the fleet."""

WANTED = {
    "": "redis://[[user]:password@]host[:port][/db]",
    "cluster": "redis+cluster://[[user]:password@]host[:port][,host[:port]...]",
    "sentinel": "redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/service[/db]",
}
PORTS = {"cluster": 6379, "sentinel": 26379}
PATHS = {"cluster": re.compile(r"/?0?"), "sentinel": re.compile(r"/(?P<service>[^/]+)(?P<db>/[0-9]{0,5})?")}
"""A cluster has database 0 only."""

_HOSTS_URL = re.compile(r"rediss?\+(cluster|sentinel)://((?:[^/?#]*@)?)([^/?#@]*)([^?#]*)(\?[^#]*)?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Place of Redis, and the options of connections to it."""

    kind: str
    """Key of `WANTED`: empty for one server."""

    display: str
    """The URL without user, password and options."""

    options: Mapping[str, Any] = field(repr=False)
    """Parameters of `server_pool`. For several servers without their host and port."""

    hosts: tuple[tuple[str, int], ...] = ()
    """Nodes of the cluster, or sentinels."""

    service: str = ""
    """Name of the service that the sentinels watch over."""

    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Parameters of `server_pool` for each sentinel, without its host and port."""

    @property
    def timeout_s(self) -> float:
        """Timeout of a whole call."""
        return float(self.options["socket_timeout"])


def read_url(url: str, tls_verify: bool, timeout_s: float) -> RedisUrl:
    """Read a URL of any kind.

    Args:
        url: as a user writes it.
        tls_verify: False accepts any certificate.
        timeout_s: for a whole call, unless the URL says `socket_timeout`. A sentinel has a quarter, for several may be
            asked before the server is.

    Raises:
        ValueError: the URL is not valid; the message does not hold it.
    """
    kind = url.partition("://")[0].partition("+")[2]
    try:
        redis_url = (_read_hosts if kind else _read_server)(url, tls_verify, timeout_s)
        for options in (redis_url.options, redis_url.sentinel_options):
            server_pool(**options).make_connection()  # connects nothing yet
    except Exception:  # redis-py raises various errors for an option that it does not know
        wanted = f"{WANTED.get(kind, '')}, or an option that redis-py has"
        raise ValueError(f"cannot be read: wanted {wanted}") from None
    return redis_url


def _read_server(url: str, tls_verify: bool, timeout_s: float) -> RedisUrl:
    parts = parse_url(url)  # type: ignore[no-untyped-call]
    if "," in parts.get("host", ""):
        raise ValueError
    place = parts.get("path") or f"{parts.get('host', 'localhost')}:{parts.get('port', 6379)}"
    display = f"{url.partition('://')[0]}://{place}/{parts.get('db', 0)}"
    return RedisUrl("", display, _options(parts, tls_verify, timeout_s))


def _read_hosts(url: str, tls_verify: bool, timeout_s: float) -> RedisUrl:
    kind, login, places, path, query = _match(_HOSTS_URL, url).groups()
    hosts = tuple(_read_host(place, PORTS[kind]) for place in places.split(","))
    names = _match(PATHS[kind], path).groupdict("")
    scheme = url.partition("://")[0]
    parts = parse_url(f"{scheme.partition('+')[0]}://{login}host{names.get('db', '')}{query or ''}")  # type: ignore[no-untyped-call]
    del parts["host"]
    sentinel_parts = {name: parts.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    sentinel_parts |= {name: parts[name] for name in parts if name == "connection_class" or name.startswith("ssl_")}
    options, sentinel_options = (
        _options(parts, tls_verify, timeout_s),
        _options(sentinel_parts, tls_verify, timeout_s / 4),
    )
    return RedisUrl(kind, f"{scheme}://{places}{path}", options, hosts, names.get("service", ""), sentinel_options)


def _options(parts: dict[str, Any], tls_verify: bool, timeout_s: float) -> dict[str, Any]:
    """Put the options of a URL over the defaults. RESP 2 and no driver info save three round trips."""
    defaults: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "max_connections": CONNECTIONS,
    }
    if parts.get("connection_class") is SSLConnection and not tls_verify:
        defaults["ssl_cert_reqs"] = "none"
    options = defaults | parts
    return options if int(options["protocol"]) == 3 else {"parser_class": ReplyParser, **options}


def _read_host(text: str, default_port: int) -> tuple[str, int]:
    host, port = _match(_HOST, text).groups()
    if port and not 1 <= int(port) <= 65535:
        raise ValueError
    return host.strip("[]"), int(port or default_port)


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError
    return match
