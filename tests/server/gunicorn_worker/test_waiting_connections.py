"""Connections that wait for their clients: each has one owner, and input is never lost."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Thread

import pytest
from gunicorn.config import Config

from server.gunicorn_worker import waiting_connections
from server.gunicorn_worker.client_socket import ClientSocket
from server.gunicorn_worker.connection import Connection
from server.gunicorn_worker.waiting_connections import WaitingConnections
from tests.support.wait import wait_until

WAIT_S = 95.0


class Room:
    """A queue of connections and their clients."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack, self._threads = stack, stack.enter_context(ThreadPoolExecutor(1))
        self.waiting = WaitingConnections(WAIT_S)
        Thread(target=self.waiting.watch, daemon=True).start()
        stack.callback(self.waiting.shutdown)

    def connection(self) -> tuple[Connection, socket.socket]:
        """A connection outside the queue, with its client."""
        accepted, client = socket.socketpair()
        conn = Connection(Config(), ClientSocket(accepted), "", "")
        self._stack.callback(conn.close)
        self._stack.callback(client.close)
        return conn, client

    def add(self) -> tuple[Connection, socket.socket]:
        conn, client = self.connection()
        self.waiting.add(conn)
        return conn, client

    def take(self) -> Connection | None:
        """The next connection with input, if there is one soon."""
        return self._threads.submit(self.waiting.take).result(20)


@pytest.fixture
def room() -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(stack)


def test_input_that_arrives_while_a_connection_is_taken_brings_it_back(room: Room) -> None:
    conn, client = room.add()
    client.sendall(b"1")
    assert room.take() is conn
    client.sendall(b"2")
    room.waiting.put_back(conn, is_ready=False)
    assert room.take() is conn
    assert conn.sock.recv(9) == b"12"


def test_a_connection_that_is_taken_says_when_its_input_had_arrived_at_the_latest(room: Room) -> None:
    """Before the one that is taken first does anything: both were in the same answer of the kernel."""
    clients = [room.add()[1] for _ in range(2)]
    for client in clients:
        client.sendall(b"1")
    sent_at = time.monotonic()
    first = room.take()
    taken_at = time.monotonic()
    second = room.take()
    assert first is not None
    assert second is not None
    assert sent_at <= first.input_at == second.input_at <= taken_at


def test_bytes_that_were_read_ahead_have_their_turn_after_those_that_came_first(room: Room) -> None:
    greedy, client = room.add()
    client.sendall(b"1")
    assert room.take() is greedy
    patient, other_client = room.add()
    other_client.sendall(b"1")
    room.waiting.put_back(greedy, is_ready=True)
    assert room.take() is patient
    assert room.take() is greedy


def test_a_connection_that_the_event_loop_took_out_goes_to_no_thread(room: Room) -> None:
    """Its event is under way already."""
    closed, client = room.add()
    client.sendall(b"1")
    assert room.waiting.remove(closed)
    assert not room.waiting.remove(closed)
    conn, other_client = room.add()
    other_client.sendall(b"1")
    assert room.take() is conn


def test_a_new_connection_with_the_descriptor_of_a_closed_one_takes_its_place(room: Room) -> None:
    closed, _ = room.add()
    descriptor = closed.descriptor
    assert room.waiting.remove(closed)
    closed.close()
    conn, client = room.add()
    assert conn.descriptor == descriptor
    assert not room.waiting.remove(closed)
    client.sendall(b"1")
    assert room.take() is conn


def test_no_connection_is_taken_twice(room: Room) -> None:
    def take() -> list[Connection]:
        return list(iter(room.waiting.take, None))

    conns = []
    with ThreadPoolExecutor(8) as threads:
        taken = [threads.submit(take) for _ in range(8)]
        for _ in range(200):
            conn, client = room.add()
            client.sendall(b"1")
            conns.append(conn)
        wait_until(lambda: not room.waiting.first(1))
        room.waiting.shutdown()
        assert sorted(conn.descriptor for future in taken for conn in future.result(20)) == sorted(
            conn.descriptor for conn in conns
        )


def test_a_thread_that_hands_the_lead_over_leaves_the_next_connection_to_another(room: Room) -> None:
    """Before it waits for an origin; without `watch`, which would come to the rescue."""
    waiting = WaitingConnections(WAIT_S)
    for _ in range(2):
        conn, client = room.connection()
        client.sendall(b"1")
        waiting.add(conn)
    first = waiting.take()
    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(waiting.take)
        waiting.hand_over()
        assert second.result(20) not in {first, None}


def test_a_thread_that_a_request_stalls_after_a_quiet_time_loses_the_lead_too(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch sleeps while there are no requests."""
    monkeypatch.setattr(waiting_connections, "IDLE_S", 0.0)
    wait_until(lambda: room.waiting._is_unwatched)
    for _ in range(2):
        _, client = room.add()
        client.sendall(b"1")
    assert room.waiting.take() is not None
    assert room.take() is not None


def test_a_waiting_thread_takes_what_a_thread_that_does_not_come_back_leaves(room: Room) -> None:
    conns = [room.add() for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        taken = [threads.submit(room.waiting.take) for _ in conns]
        for _, client in conns:
            client.sendall(b"1")
        assert {future.result(20) for future in taken} == {conn for conn, _ in conns}


def test_all_threads_end(room: Room) -> None:
    threads = [Thread(target=room.waiting.take, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    room.waiting.shutdown()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_waits_are_shortened_before_and_after(room: Room) -> None:
    first, client = room.add()
    second, _ = room.add()
    client.sendall(b"1")
    assert room.take() is first
    room.waiting.cap(2)
    room.waiting.put_back(first, is_ready=False)
    assert second.timeout <= first.timeout < second.timeout + WAIT_S - 2
    assert room.waiting.first(9) == [second, first]
