"""Local files on mounts that may hang: a bulkhead for each device.

Stat calls and reads are lanes of their own: the kernel goes on answering stat calls on a hung server from its cache.
The device of a file is unknown before its first stat call, which is made in the lane of its folder.
"""

import os
import threading
from functools import partial
from os.path import dirname

from cogread.byterange import ByteRange, SourceBytes, Version
from cogread.deadline import NEVER, Deadline
from cogread.sources.file import FileSource
from server.origin.lane import Lane, Permits


class Mounts:
    """The lanes of a worker. Thread-safe."""

    def __init__(self, threads: int) -> None:
        """Start without devices.

        Args:
            threads: of the worker.
        """
        self._free_permits = threads * 15 // 16
        self._mutex = threading.Lock()
        self._devices: dict[int, tuple[Lane, Lane]] = {}
        self._folders: dict[str, Lane] = {}

    def of_device(self, device: int) -> tuple[Lane, Lane]:
        """The lanes for stat calls and for reads of the files of a device."""
        with self._mutex:
            lanes = self._devices.get(device)
            if lanes is None:
                name, permits = f"device {os.major(device)}:{os.minor(device)}", self._new_permits()
                lanes = self._devices[device] = Lane(name, permits), Lane(f"{name}, reads", permits)
            return lanes

    def of_folder(self, folder: str) -> Lane:
        """The lane for the first stat call of a file in the folder."""
        with self._mutex:
            return self._folders.setdefault(folder, Lane(f"folder {folder}", None))

    def assign(self, folder: str, device: int) -> tuple[Lane, Lane]:
        """The lanes of a file; other files of its folder are expected on the same device."""
        lanes = self.of_device(device)
        with self._mutex:
            self._folders[folder] = lanes[0]
        return lanes

    def _new_permits(self) -> Permits:
        """Permits for half of the worker threads without a device, at least one: hanging devices never take all."""
        count = max(1, self._free_permits // 2)
        self._free_permits -= count
        permits = Permits()
        for _ in range(count):
            permits.put(None)
        return permits


class MountedFile:
    """A `Source`: a local file whose device may hang."""

    is_local = True

    def __init__(self, file: FileSource, mounts: Mounts, folder: str | None = None) -> None:
        """Wrap a file; nothing is asked yet.

        Args:
            file: the file.
            mounts: the lanes of the worker.
            folder: a folder above the file that stands for its device until that is known; None: the file's own.
        """
        self.name = file.name
        self._file, self._mounts, self._folder = file, mounts, folder or dirname(file.name)
        self._lanes: tuple[Lane, Lane] | None = None

    def version(self, deadline: Deadline = NEVER) -> Version:
        """See `Source.version`."""
        stats, _ = self._lanes or self._find_lanes(deadline)
        return stats.call(self._file.version, deadline)

    def read(self, wanted: ByteRange, expect: Version | None = None, deadline: Deadline = NEVER) -> SourceBytes:
        """See `Source.read`."""
        _, reads = self._lanes or self._find_lanes(deadline)
        return reads.call(partial(self._file.read, wanted, expect), deadline)

    def close(self) -> None:
        """See `Source.close`."""

    def _find_lanes(self, deadline: Deadline) -> tuple[Lane, Lane]:
        device = self._mounts.of_folder(self._folder).call(self._file.device, deadline)
        self._lanes = self._mounts.assign(self._folder, device)
        return self._lanes
