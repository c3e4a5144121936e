"""A mount of local files hangs: its layers fail in time, and others do not notice."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Final

import pytest
import requests

from cogread.deadline import NEVER, Deadline
from cogread.errors import SourceBusy, SourceNotFound, SourceTimeout
from cogread.sources.file import FileSource
from server.gunicorn_worker.lead import lead
from server.origin.lane import DETACHED, STUCK_S, Lane, Permits
from server.origin.mounts import MountedFile, Mounts
from server.settings.environment import THREADS
from tests.support.app import ROOT, layer
from tests.support.clock import Clock
from tests.support.gunicorn import Gunicorn
from tests.support.hanging_files import HangingFolder
from tests.support.tiffs import gdal_tiff
from tests.support.wait import wait_until

FILE: Final = gdal_tiff("jpeg-ycbcr")
TILE: Final = "tiles/native/0/0/0.jpg"
CLIENTS: Final = 40
PATIENCE_S: Final = 30


class Device:
    """Calls that hang until it is told to answer."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.may_answer = Event()

    def call(self) -> str:
        self.begun.append(1)
        assert self.may_answer.wait(PATIENCE_S)
        return "answer"


def no_thread(thread: Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as threads:
        yield threads


def answered(future: "Future[str]") -> str:
    try:
        return future.result(PATIENCE_S)
    except SourceTimeout:
        return "timeout"


def test_calls_that_hang_are_few_and_the_others_fail_until_one_is_answered(pool: ThreadPoolExecutor) -> None:
    permits, device = Permits(), Device()
    for _ in range(3):
        permits.put(None)
    lane = Lane("device", permits)
    assert lane.call(lambda: "fresh", NEVER) == "fresh"
    soon = Deadline.after(2 * STUCK_S)
    futures = [pool.submit(lane.call, device.call, soon) for _ in range(THREADS)]
    wait_until(lambda: sum(future.done() for future in futures) == THREADS - 3)
    assert {answered(future) for future in futures if future.done()} == {"timeout"}
    assert len(device.begun) == 3 + DETACHED
    with pytest.raises(SourceTimeout):
        lane.call(device.call, NEVER)
    assert len(device.begun) == 3 + DETACHED, "no further call was made"
    device.may_answer.set()
    wait_until(lambda: permits.qsize() == 3)
    assert Counter(answered(future) for future in futures)["answer"] == 3
    assert lane.call(lambda: "fresh", NEVER) == "fresh"


def test_a_thread_lets_another_take_requests_before_it_waits_for_a_device(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    permits, device, handed_over = Permits(), Device(), Event()
    permits.put(None)
    lane = Lane("device", permits)
    assert lane.call(lambda: "fresh", NEVER) == "fresh"
    pool.submit(lane.call, device.call, NEVER)
    wait_until(lambda: bool(device.begun))
    monkeypatch.setattr(lead, "hand_over", handed_over.set)
    waiting = pool.submit(lane.call, lambda: "answer", NEVER)
    assert handed_over.wait(PATIENCE_S)
    device.may_answer.set()
    assert answered(waiting) == "answer"


def test_requests_do_not_wait_for_a_device_that_is_slow_or_has_not_answered_the_last_call(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over: list[int] = []
    clock, permits, device = Clock(0.0), Permits(), Device()
    for _ in range(2):
        permits.put(None)
    lane = Lane("device", permits, clock)

    def call(seconds: float) -> int:
        """Make a call of this length; the number of times that the lead was handed over before."""
        before = len(handed_over)

        def work() -> int:
            clock.now += seconds
            return len(handed_over) - before

        return lane.call(work, NEVER)

    call(0)
    monkeypatch.setattr(lead, "hand_over", lambda: handed_over.append(1))
    assert [call(seconds) for seconds in (0, 0.005, 0, 0)] == [0, 0, 1, 0]
    pool.submit(lane.call, device.call, NEVER)
    wait_until(lambda: bool(device.begun))
    assert call(0) == 1
    device.may_answer.set()


def test_a_device_that_was_quiet_for_a_while_takes_no_thread_of_the_worker() -> None:
    clock, permits, device = Clock(0.0), Permits(), Device()
    permits.put(None)
    lane = Lane("device", permits, clock)
    assert lane.call(lambda: "fresh", NEVER) == "fresh"
    clock.now = 10.0
    with pytest.raises(SourceTimeout, match="device: the device does not answer"):
        lane.call(device.call, Deadline(clock.now))
    assert permits.qsize() == 1
    device.may_answer.set()


def test_a_lane_calls_again_after_a_moment_in_which_no_thread_could_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane("device", None)
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", no_thread)
        for _ in range(DETACHED + 1):
            with pytest.raises(SourceBusy, match="device: the machine has no more threads"):
                lane.call(lambda: "never", NEVER)
    assert lane.call(lambda: "answer", NEVER) == "answer"


def test_devices_that_hang_leave_threads_of_the_worker() -> None:
    mounts = Mounts(THREADS)
    devices = [mounts.of_device(number) for number in range(4)]
    assert mounts.of_device(0) is devices[0]
    taken = 0
    for look, read in devices:
        assert look._permits is read._permits
        assert look._permits is not None
        taken += look._permits.qsize()
    assert taken < THREADS


def test_a_file_is_of_the_device_that_it_is_on(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(FILE)
    mounts = Mounts(THREADS)
    file = FileSource(str(tmp_path / "a.tif"))
    mounted = MountedFile(file, mounts)
    assert mounted.version() == file.version()
    assert mounted._lanes is mounts.of_device(os.stat(tmp_path).st_dev)
    with pytest.raises(SourceNotFound):
        MountedFile(FileSource(str(tmp_path / "b.tif")), mounts).version()


def test_other_layers_are_served_while_a_mount_hangs(tmp_path: Path) -> None:
    """One worker. Requests that are inside of a call when the mount hangs wait for it; all later ones fail in time."""
    folder = HangingFolder(tmp_path)
    (folder.path / "a.tif").write_bytes(FILE)
    config = layer("hanging", folder.path / "a.tif") + layer("world", ROOT / "data" / "world.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1", **folder.environment}, config) as server:
        hanging, world = (f"{server.url}/layers/{name}/{TILE}" for name in ("hanging", "world"))
        right = requests.get(hanging, timeout=PATIENCE_S)
        assert right.status_code == 200
        folder.hang()
        with ThreadPoolExecutor(CLIENTS) as clients:
            futures = [clients.submit(requests.get, hanging, timeout=2 * PATIENCE_S) for _ in range(CLIENTS)]
            wait_until(lambda: sum(asked.done() for asked in futures) >= CLIENTS - THREADS // 2)
            early = [asked.result() for asked in futures if asked.done()]
            for _ in range(10):
                assert requests.get(world, timeout=PATIENCE_S).status_code == 200
                assert requests.get(f"{server.url}/health/ready", timeout=PATIENCE_S).status_code == 200
                early.append(requests.get(hanging, timeout=PATIENCE_S))
            assert requests.get(f"{server.url}/layers", timeout=PATIENCE_S).status_code == 200
            folder.answer()
            rest = [asked.result() for asked in futures if asked.result() not in early]
        wait_until(lambda: requests.get(hanging, timeout=PATIENCE_S).content == right.content)
    assert {reply.status_code for reply in early} == {504}
    assert {reply.headers["Content-Type"] for reply in early} == {"application/problem+json"}
    assert {reply.content for reply in rest if reply.status_code == 200} <= {right.content}


def test_a_server_starts_while_a_mount_hangs(tmp_path: Path) -> None:
    folder = HangingFolder(tmp_path)
    (folder.path / "a.tif").write_bytes(FILE)
    folder.hang()
    config = layer("hanging", folder.path / "a.tif") + layer("world", ROOT / "data" / "world.tif")
    with Gunicorn({"WEB_CONCURRENCY": "1", **folder.environment}, config) as server:
        assert requests.get(f"{server.url}/layers/hanging/{TILE}", timeout=PATIENCE_S).status_code == 504
        assert requests.get(f"{server.url}/layers/world/{TILE}", timeout=PATIENCE_S).status_code == 200
        folder.answer()
        wait_until(lambda: requests.get(f"{server.url}/layers/hanging/{TILE}", timeout=PATIENCE_S).status_code == 200)
