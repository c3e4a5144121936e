"""What a Redis URL says: one server, a cluster, or the sentinels of a service.

redis-py reads the URL of one server. It has none for more, so these have the spelling that is common elsewhere: several
hosts between commas, and the service as the first part of the path. All else (user, password, options) is read by
redis-py here too, so that an option means the same in every URL.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

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
"""A cluster has but one database."""

_MANY = re.compile(r"rediss?\+(cluster|sentinel)://((?:[^/?#]*@)?)([^/?#@]*)([^?#]*)(\?[^#]*)?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where Redis is, and how to talk to it."""

    kind: str
    """Key of `WANTED`: empty for one server."""

    display: str
    """The URL without user, password and options."""

    options: Mapping[str, Any] = field(repr=False)
    """Arguments of `redis.Redis` for each server. For several servers without their host and port."""

    hosts: tuple[tuple[str, int], ...] = ()
    """Nodes of the cluster, or sentinels."""

    service: str = ""
    """What the sentinels call it."""

    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Arguments of `redis.Redis` for each sentinel."""


def read_url(url: str, tls_verify: bool, timeout_s: float) -> RedisUrl:
    """Read a URL of any kind.

    Args:
        url: the spelling.
        tls_verify: False accepts any certificate.
        timeout_s: for a connection and for each reply of a server. A sentinel has a quarter, for several may be asked
            before the server is.

    Raises:
        ValueError: it cannot be read; the message does not hold it.
    """
    kind = url.partition("://")[0].partition("+")[2]
    try:
        found = _many(url, timeout_s, tls_verify) if kind else _one(url, timeout_s, tls_verify)
        for options in (found.options, found.sentinel_options):
            redis.Redis(**options).connection_pool.make_connection()  # which connects nothing yet
    except Exception:  # what redis-py raises of an option that it does not know depends on the option
        wanted = f"{WANTED.get(kind, '')}, or an option that redis-py has"
        raise ValueError(f"cannot be read: wanted {wanted}") from None
    return found


def _one(url: str, timeout_s: float, tls_verify: bool) -> RedisUrl:
    said = parse_url(url)  # type: ignore[no-untyped-call]
    if "," in said.get("host", ""):
        raise ValueError
    options = _options(said, timeout_s, tls_verify)
    place = options.get("unix_socket_path") or f"{said.get('host', 'localhost')}:{said.get('port', 6379)}"
    return RedisUrl("", f"{url.partition('://')[0]}://{place}/{said.get('db', 0)}", options)


def _many(url: str, timeout_s: float, tls_verify: bool) -> RedisUrl:
    whole = _matched(_MANY, url)
    kind, login, places, path, query = whole.groups()
    hosts = tuple(_host(place, PORTS[kind]) for place in places.split(","))
    named = _matched(PATHS[kind], path).groupdict("")
    scheme = url.partition("://")[0]
    said = parse_url(f"{scheme.partition('+')[0]}://{login}host{named.get('db', '')}{query or ''}")  # type: ignore[no-untyped-call]
    del said["host"]
    sentinel_login = {name: said.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    options = _options(said, timeout_s, tls_verify)
    sentinel_options = {**_options(_tls_of(said), timeout_s / 4, tls_verify), **sentinel_login}
    return RedisUrl(kind, f"{scheme}://{places}{path}", options, hosts, named.get("service", ""), sentinel_options)


def _options(said: Mapping[str, Any], timeout_s: float, tls_verify: bool) -> dict[str, Any]:
    """Arguments of `redis.Redis`: what was said, over what is usual here.

    RESP 2 and no driver info save each new connection three round trips.
    """
    usual: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "max_connections": CONNECTIONS + 1,  # the one more is for asking a cluster's node who the others are
    }
    arguments = dict(said)
    kind = arguments.pop("connection_class", None)
    if kind is redis.UnixDomainSocketConnection:
        arguments["unix_socket_path"] = arguments.pop("path")
    if kind is redis.SSLConnection:
        usual |= {"ssl": True} | ({} if tls_verify else {"ssl_cert_reqs": "none"})
    return usual | arguments


def _tls_of(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name == "connection_class" or name.startswith("ssl_")}


def _host(text: str, default_port: int) -> tuple[str, int]:
    host, port = _matched(_HOST, text).groups()
    if port and not 1 <= int(port) <= 65535:
        raise ValueError
    return host.strip("[]"), int(port or default_port)


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError
    return match
