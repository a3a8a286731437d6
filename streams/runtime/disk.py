"""State on disk: a RocksDB per partition, which holds what is committed and nothing else.

The changelog is the truth; the disk spares reading it again. So nothing here is made to survive a crash: no write-ahead
log, no syncing. After a clean stop a marker says up to which offset of each changelog the rows are complete. It is
removed before the first write, and where it is missing, does not fit or is too old, everything is read again.
"""

import fcntl
import logging
import shutil
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

from gridwire.settings import KafkaSettings, SettingsError
from streams.engine.rows import Due, StateError
from streams.runtime.settings import StreamsSettings, state_problems

log = logging.getLogger(__name__)
T = TypeVar("T")

FORMAT = 1
MARKER = "clean-stop.json"
DECODED_MAX = 5_000  # rows per store that stay decoded in memory, beside the cache
PAGE = 1_000  # keys taken at once by a walk
WRITE_BUFFER_BYTES = 8 << 20
OPEN_FILES_MAX = 256  # per partition
_DUE = struct.Struct(">Q")
_DUE_ZERO = 1 << 63


class Place(msgspec.Struct, frozen=True):
    """Up to where (exclusive) a changelog partition is contained. `topic_id`: of the topic as it was then."""

    topic: str
    topic_id: str
    offset: int


class Marker(msgspec.Struct, frozen=True):
    """What a clean stop leaves behind. `places`: by store."""

    format: int
    partition: int
    partitions: int
    stopped_at_ms: int
    places: dict[str, Place]


class Disk:
    """All partitions of one worker under one folder. `cache_bytes`: memory for blocks, shared by all of them."""

    def __init__(self, folder: Path, cache_bytes: int) -> None:
        self.folder = folder
        self._cache = Cache(cache_bytes)

    def open(self, partition: int) -> "DiskHome":
        """The state of a partition with its marker, if it has one. The marker is gone from the disk by then.

        Raises StateError.
        """
        folder = self.folder / f"partition-{partition}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder.with_suffix(".lock"))
            marker = _taken(folder / MARKER)
            if marker is None:
                _emptied(folder)
        except OSError as error:
            raise StateError(_fix(folder, error)) from error
        try:
            return DiskHome(folder, lock, _options(self._cache), marker)
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
                marker = _read(folder / MARKER)
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


def _options(cache: Cache) -> Options:
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_cache_index_and_filter_blocks(True)  # or they would grow beside the cache
    blocks.set_bloom_filter(10, False)  # bits a key
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_keep_log_file_num(1)
    return options


def _unlogged() -> Any:
    options: Any = WriteOptions()
    setattr(options, "disable_wal", True)  # noqa: B010 -- a property; its stub says it is a method
    return options


def _read(path: Path) -> Marker | None:
    """None where there is none, or none that this version understands."""
    try:
        marker = msgspec.json.decode(path.read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("marker not readable", extra={"reason": type(error).__name__})
        return None
    return marker if marker.format == FORMAT else None


def _taken(path: Path) -> Marker | None:
    """Reads a marker and removes it: from here on a crash leaves none."""
    marker = _read(path)
    path.unlink(missing_ok=True)
    return marker


def _left(path: Path, marker: Marker) -> None:
    path.with_suffix(".new").write_bytes(msgspec.json.encode(marker))
    path.with_suffix(".new").replace(path)


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _fix(folder: Path, error: Exception) -> str:
    """What is wrong with the disk and what to do; the state itself is not lost, a start reads its changelog."""
    said = str(error)
    if isinstance(error, BlockingIOError):
        fix = "another worker uses it: give each worker a GRIDWIRE_SLOT or GRIDWIRE_STATE_DIR of its own"
    elif "space" in said.lower() or "quota" in said.lower():
        fix = "the disk is full: free space or give GRIDWIRE_STATE_DIR a larger volume, then start again"
    elif "corrupt" in said.lower() or "checksum" in said.lower():
        fix = "the files are damaged: start again, they are discarded and rebuilt; look after the disk"
    elif isinstance(error, PermissionError):
        fix = "it may not be written: give the process the rights, or set GRIDWIRE_STATE_DIR elsewhere"
    else:
        fix = (
            "start again, it is discarded and rebuilt; if this comes back set GRIDWIRE_STATE=memory"
        )
    return f"state on disk failed ({folder}, {type(error).__name__}): {fix}"


class DiskHome:
    """One partition's database. Only committed rows get in."""

    def __init__(
        self, folder: Path, lock: IO[bytes], options: Options, marker: Marker | None
    ) -> None:
        self.folder = folder
        self._lock = lock
        self.marker = marker
        self._options = options
        self._unlogged = _unlogged()
        self._stores: dict[str, DiskRows] = {}
        self._sound = True  # False: something was not written, or not read
        try:
            self._db = Rdict(str(folder), options)
        except Exception as error:
            if marker is None:
                raise StateError(_fix(folder, error)) from error
            log.warning("state on disk discarded", extra={"reason": "it does not open"})
            self.marker = None
            self._db = self._anew()

    def _failed(self, error: Exception) -> StateError:
        self._sound = False
        return StateError(_fix(self.folder, error))

    def _anew(self) -> Rdict:
        try:
            _emptied(self.folder)
            return Rdict(str(self.folder), self._options)
        except Exception as error:
            raise self._failed(error) from error

    def discard(self) -> None:
        """Starts with nothing: what is there is not to be trusted. Raises StateError."""
        self.asked(self._db.close)
        self.marker = None
        self._db = self._anew()
        self._recount()

    def _recount(self) -> None:
        for rows in self._stores.values():
            rows.recount()

    def rows(self, store: str) -> "DiskRows":
        if store not in self._stores:
            self._stores[store] = DiskRows(self, store)
        return self._stores[store]

    def dues(self, store: str) -> "DiskDues":
        return DiskDues(self, store)

    def forget(self, store: str) -> None:
        """Deletes what is held of one store."""
        for prefix in (_prefix(store), _due_prefix(store)):
            self.write([], [key for key, _ in self.range(prefix, prefix)])
        self._recount()

    def close(self, marker: Marker | None) -> None:
        """Writes everything out and, where a marker is given, that it is complete. Raises StateError."""
        with self._lock:
            if marker is not None and self._sound:
                self.asked(self._db.flush)
            self.asked(self._db.close)
            if marker is not None and self._sound:
                self.asked(lambda: _left(self.folder / MARKER, marker))

    # -- for rows and due times ---------------------------------------------------------------------------
    def asked(self, call: Callable[[], T]) -> T:
        """Raises StateError where the database fails."""
        try:
            return call()
        except Exception as error:  # rocksdict raises Exception itself
            raise self._failed(error) from error

    def get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._failed(error) from error
        return found

    def write(self, puts: Sequence[tuple[bytes, bytes]], deletes: Sequence[bytes]) -> None:
        """All of it at once, the deletes first."""
        batch = WriteBatch(raw_mode=True)
        for key in deletes:
            batch.delete(key)
        for key, value in puts:
            batch.put(key, value)
        self.asked(lambda: self._db.write(batch, self._unlogged))

    def range(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Entries whose key begins with `prefix`, from `start` on, as they are now."""
        try:
            entries: Iterable[Any] = self._db.items(from_key=start)
            for key, value in entries:
                if not key.startswith(prefix):
                    return
                yield key, value
        except Exception as error:
            raise self._failed(error) from error


def _prefix(store: str) -> bytes:
    return b"row\0" + store.encode() + b"\0"


def _due_prefix(store: str) -> bytes:
    return b"due\0" + store.encode() + b"\0"


class DiskRows:
    """Rows of one store on disk. Reads may come from other threads."""

    decoded_max = DECODED_MAX

    def __init__(self, home: DiskHome, store: str) -> None:
        self._home = home
        self._prefix = _prefix(store)
        self._count: int | None = None  # None: to be counted

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self._home.range(self._prefix, self._prefix))
        return self._count

    def recount(self) -> None:
        """Others have written."""
        self._count = None

    def get(self, key: str) -> bytes | None:
        return self._home.get(self._prefix + key.encode())

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        before = len(self)
        for key, value in changes.items():
            there = self.get(key) is not None
            before += (value is not None) - there
        self.restore(changes)
        self._count = before

    def restore(self, changes: Mapping[str, bytes | None]) -> None:
        prefix = self._prefix
        puts = [(prefix + k.encode(), v) for k, v in changes.items() if v is not None]
        deletes = [prefix + k.encode() for k, v in changes.items() if v is None]
        self._home.write(puts, deletes)
        self._count = None

    def items(self) -> Iterator[tuple[str, bytes]]:
        cut = len(self._prefix)
        for key, value in self._home.range(self._prefix, self._prefix):
            yield key[cut:].decode(), value

    def walk(self) -> Iterator[str]:
        """Page by page: an iterator that stays open would keep files that are long replaced."""
        cut, start = len(self._prefix), self._prefix
        while True:
            page = []
            for key, _ in self._home.range(self._prefix, start):
                page.append(key)
                if len(page) >= PAGE:
                    break
            yield from (key[cut:].decode() for key in page)
            if len(page) < PAGE:
                return
            start = page[-1] + b"\0"


class DiskDues:
    """Due times of one store on disk, ordered as tuples are."""

    def __init__(self, home: DiskHome, store: str) -> None:
        self._home = home
        self._prefix = _due_prefix(store)

    def _key(self, entry: Due) -> bytes:
        """UTF-8 sorts as text does; a zero byte within a key is told from the one that ends it."""
        due, key, name = entry
        text = key.encode().replace(b"\0", b"\0\xff") + b"\0" + name.encode()
        return self._prefix + _DUE.pack(due + _DUE_ZERO) + text

    def write(self, added: Sequence[Due], removed: Sequence[Due]) -> None:
        puts = [(self._key(entry), msgspec.msgpack.encode(entry)) for entry in added]
        self._home.write(puts, [self._key(entry) for entry in removed])

    def page(self, after: Due | None, at_most: int) -> list[Due]:
        start = self._prefix if after is None else self._key(after)
        page: list[Due] = []
        for key, value in self._home.range(self._prefix, start):
            if after is not None and key == start:
                continue
            page.append(msgspec.msgpack.decode(value, type=Due))
            if len(page) >= at_most:
                break
        return page


def now_ms() -> int:
    """The wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000
