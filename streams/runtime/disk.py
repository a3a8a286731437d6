"""State on disk: a folder per worker, in it a RocksDB per partition, a lock for each, and what a clean stop leaves.

The parts: `streams.runtime.disk_home` (a partition), `disk_rows` (a store in it), `clean_stop` (the marker).
"""

import fcntl
import logging
import shutil
from pathlib import Path
from typing import IO

from rocksdict import Cache

from gridwire.settings import KafkaSettings, SettingsError
from streams.engine.rows import StateError
from streams.runtime import clean_stop
from streams.runtime.clean_stop import MARKER
from streams.runtime.disk_home import DiskHome, emptied, fix, options_of
from streams.runtime.settings import StreamsSettings, state_problems

log = logging.getLogger(__name__)


class Disk:
    """All partitions of one worker under one folder. `cache_bytes`: memory for blocks, shared by all of them."""

    def __init__(self, folder: Path, cache_bytes: int) -> None:
        self.folder = folder
        self._cache = Cache(cache_bytes)

    def open(self, partition: int) -> DiskHome:
        """The state of a partition with its marker, if it has one. The marker is gone from the disk by then.

        Raises StateError.
        """
        folder = self.folder / f"partition-{partition}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder.with_suffix(".lock"))
            marker = clean_stop.taken(folder / MARKER)
            if marker is None:
                emptied(folder)
        except OSError as error:
            raise StateError(fix(folder, error)) from error
        try:
            return DiskHome(folder, lock, options_of(self._cache), marker)
        except StateError:
            lock.close()
            raise

    def prune(self, older_than_ms: int) -> None:
        """Removes partitions without a marker, or with one from before `older_than_ms`: they would not be used.

        Partitions that are open, here or in another process, are left alone.
        """
        for folder in [path for path in self.folder.glob("partition-*") if path.is_dir()]:
            try:
                lock = _locked(folder.with_suffix(".lock"))
            except OSError:
                continue
            with lock:
                marker = clean_stop.read(folder / MARKER)
                if marker is None or marker.stopped_at_ms < older_than_ms:
                    log.info("state on disk discarded", extra={"folder": folder.name})
                    shutil.rmtree(folder, ignore_errors=True)


def disk_of(settings: KafkaSettings, streams: StreamsSettings) -> Disk | None:
    """What the settings ask for; None keeps state in memory. Raises SettingsError."""
    if streams.state == "memory":
        return None
    if problems := state_problems(streams):
        raise SettingsError(problems)
    name = f"{settings.group_prefix}.{streams.worker_group}/slot-{settings.slot}"
    return Disk(Path(streams.state_dir) / name, streams.state_cache_mb << 20)


def _locked(path: Path) -> IO[bytes]:
    """Ours for as long as the file is open. Raises BlockingIOError where another process has it."""
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock
