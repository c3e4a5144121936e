"""The parser of replies, beside redis-py's own, for replies that come in pieces of any size."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from redis._parsers import _RESP2Parser
from redis._parsers.encoders import Encoder
from redis.exceptions import ConnectionError, InvalidResponse, ReadOnlyError, ResponseError

from server.cache.redis.cache import RedisCache
from server.cache.redis.checksum import CHECKSUM_BYTES
from server.cache.redis.resp import BUFFER_BYTES, LONGEST_BYTES, ReplyParser
from tests.support.redis import RedisServer

LONG = bytes(range(256)) * 1000
REPLIES = [
    b"+OK\r\n",
    b":-7\r\n",
    b"$0\r\n\r\n",
    b"$-1\r\n",
    b"$4\r\n\r\n\r\n\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+b\r\n",
    b"*1\r\n$%d\r\n%b\r\n" % (len(LONG), LONG),
    *(b"$%d\r\n%b\r\n" % (size, LONG[:size]) for size in range(BUFFER_BYTES - 12, BUFFER_BYTES + 3)),
]


class Pieces:
    """A socket that receives bytes in pieces of a size; b"" at their end, as from a server that closes."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    def recv(self, size: int) -> bytes:
        size = min(size, self._size)
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def recv_into(self, buffer: memoryview) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def parser(kind: Callable[..., Any], data: bytes, size: int) -> Any:
    replies = kind(socket_read_size=BUFFER_BYTES)
    encoder = Encoder("utf-8", "strict", decode_responses=False)  # type: ignore[no-untyped-call]
    replies.on_connect(SimpleNamespace(_sock=Pieces(data, size), encoder=encoder, socket_timeout=1))
    return replies


@pytest.mark.parametrize("size", [1, 2, 5, 1000, BUFFER_BYTES - 1, BUFFER_BYTES, 10**9])
def test_replies_are_those_that_redis_py_reads_whatever_the_pieces(size: int) -> None:
    replies = REPLIES if size > 5 else REPLIES[:8]
    own, redis_py = (parser(kind, b"".join(replies), size) for kind in (ReplyParser, _RESP2Parser))
    for _ in replies:
        assert own.read_response() == redis_py.read_response()


def test_an_error_is_a_value_unless_it_ends_the_connection() -> None:
    replies = parser(ReplyParser, b"*1\r\n-READONLY no\r\n-WRONGTYPE x\r\n-LOADING wait\r\n", 7)
    assert [type(error) for error in replies.read_response()] == [ReadOnlyError]
    assert type(replies.read_response()) is ResponseError
    with pytest.raises(ConnectionError, match="wait"):
        replies.read_response()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ConnectionError),
        (b"$5\r\nabc", ConnectionError),
        (b"$100000\r\n" + bytes(99_999), ConnectionError),
        (b"$%d\r\n" % LONGEST_BYTES, ConnectionError),
        (b"$%d\r\n" % (LONGEST_BYTES + 1), InvalidResponse),
        (b"HTTP/1.1 200 OK\r\n", InvalidResponse),
        (b"\r\n", InvalidResponse),
        (b"$five\r\n", ValueError),
        (b"*1\r\n" * 100_000, RecursionError),
        (b"+" + bytes(BUFFER_BYTES), InvalidResponse),
    ],
)
def test_what_is_no_reply_raises(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parser(ReplyParser, data, 1000).read_response()


def test_values_of_all_sizes_come_back_from_redis(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, timeout_s=10)
    sizes = [0, 1, *range(BUFFER_BYTES - 40, BUFFER_BYTES + 3), 1_000_000, 5_000_000]
    values = {f"value of {size}": (LONG * 20)[:size] for size in sizes}
    cache.put(values, 100)
    assert cache.get(list(values)) == list(values.values())
    cache.close()


def test_a_value_too_long_to_read_is_not_stored_and_its_lock_is_released(redis_server: RedisServer) -> None:
    cache = RedisCache(redis_server.url, timeout_s=10)
    longest = LONGEST_BYTES - CHECKSUM_BYTES
    cache.put({"a": bytes(longest), "b": bytes(longest + 1)}, 100, cache.acquire(["b"], 100))
    values: dict[str, bytes] = {}
    assert set(cache.acquire(["b"], 100, values)) == {"b"}
    assert cache.get(["a", "b"]) == [bytes(longest), None]
    cache.close()
