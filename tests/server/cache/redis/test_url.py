"""Redis URLs, and the message for one that is not valid."""

import pytest
from redis.connection import SSLConnection

from server.cache.redis.url import RedisUrl, read_url


def read(url: str, tls_verify: bool = True) -> RedisUrl:
    return read_url(url, tls_verify, timeout_s=1)


@pytest.mark.parametrize(
    ("url", "hosts", "service"),
    [
        ("redis+cluster://a", (("a", 6379),), ""),
        ("redis+cluster://a:1,b,[::1]:2,[fe80::1]", (("a", 1), ("b", 6379), ("::1", 2), ("fe80::1", 6379)), ""),
        ("redis+cluster://user:p%40ss@a:1/", (("a", 1),), ""),
        ("rediss+cluster://:p@ss@a:1/0?client_name=x", (("a", 1),), ""),
        ("redis+sentinel://a/tiles", (("a", 26379),), "tiles"),
        ("redis+sentinel://user:pass@a:1,b:2/tiles/3?sentinel_password=x", (("a", 1), ("b", 2)), "tiles"),
    ],
)
def test_several_hosts_stand_between_commas(url: str, hosts: tuple[tuple[str, int], ...], service: str) -> None:
    redis_url = read(url)
    assert (redis_url.hosts, redis_url.service) == (hosts, service)


def test_user_password_database_and_options_are_those_of_the_servers() -> None:
    options = read("redis+sentinel://us%65r:p%40ss@a/tiles/3?health_check_interval=5&sentinel_password=x").options
    assert {name: options[name] for name in ("username", "password", "db", "health_check_interval")} == {
        "username": "user",
        "password": "p@ss",
        "db": 3,
        "health_check_interval": 5,
    }
    assert not {name for name in options if name.startswith("sentinel_")}


def test_the_sentinels_have_their_own_user_and_password() -> None:
    options = read(
        "redis+sentinel://user:pass@a/tiles?sentinel_username=guard&sentinel_password=other"
    ).sentinel_options
    assert (options["username"], options["password"]) == ("guard", "other")
    bare = read("redis+sentinel://user:pass@a/tiles").sentinel_options
    assert (bare["username"], bare["password"]) == (None, None)


@pytest.mark.parametrize("tls_verify", [True, False])
def test_tls_is_spoken_with_the_sentinels_too(tls_verify: bool) -> None:
    redis_url = read("rediss+sentinel://a/tiles?ssl_ca_certs=ca.pem", tls_verify)
    for options in (redis_url.options, redis_url.sentinel_options):
        assert (options["connection_class"], options["ssl_ca_certs"]) == (SSLConnection, "ca.pem")
        assert options.get("ssl_cert_reqs") == (None if tls_verify else "none")
    assert "connection_class" not in read("redis+sentinel://a/tiles", tls_verify).options


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://",
        "redis+cluster://:s3cret@",
        "redis+cluster://:s3cret@a:0",
        "redis+cluster://:s3cret@a:65536",
        "redis+cluster://:s3cret@a:port,b",
        "redis+cluster://:s3cret@a,,b",
        "redis+cluster://:s3cret@a,[::1",
        "redis+cluster://:s3cret/x@a",
        "redis+cluster://:s3cret@a/1",
        "redis+cluster://a?s3cret=1",
        "redis+cluster://a#s3cret",
        "redis+sentinel://:s3cret@a",
        "redis+sentinel://:s3cret@a/",
        "redis+sentinel://:s3cret@a/tiles/one",
        "redis+other://:s3cret@a",
        "redis://:s3cret@a,b",
        "redis://:s3cret@[::1",
    ],
)
def test_an_invalid_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^cannot be read: wanted [^\n]*$") as caught:
        read(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
