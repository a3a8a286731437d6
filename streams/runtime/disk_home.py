"""One partition's RocksDB, which holds what is committed and nothing else.

The changelog is the truth; the disk spares reading it again. So nothing here is made to survive a crash: no write-ahead
log, no syncing.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

from streams.engine.rows import StateError
from streams.runtime import clean_stop
from streams.runtime.clean_stop import MARKER, Marker
from streams.runtime.disk_rows import DiskDues, DiskRows, due_prefix_of, prefix_of

log = logging.getLogger(__name__)
T = TypeVar("T")

WRITE_BUFFER_BYTES = 8 << 20
OPEN_FILES_MAX = 256  # per partition


def options_of(cache: Cache) -> Options:
    """How a partition is opened; all of them share the cache."""
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


def emptied(folder: Path) -> None:
    """Raises OSError."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def fix(folder: Path, error: Exception) -> str:
    """What is wrong with the disk and what to do; the state itself is not lost, a start reads its changelog."""
    said = str(error)
    if isinstance(error, BlockingIOError):
        what = "another worker uses it: give each worker a GRIDWIRE_SLOT or GRIDWIRE_STATE_DIR of its own"
    elif "space" in said.lower() or "quota" in said.lower():
        what = "the disk is full: free space or give GRIDWIRE_STATE_DIR a larger volume, then start again"
    elif "corrupt" in said.lower() or "checksum" in said.lower():
        what = "the files are damaged: start again, they are discarded and rebuilt; look after the disk"
    elif isinstance(error, PermissionError):
        what = "it may not be written: give the process the rights, or set GRIDWIRE_STATE_DIR elsewhere"
    else:
        what = (
            "start again, it is discarded and rebuilt; if this comes back set GRIDWIRE_STATE=memory"
        )
    return f"state on disk failed ({folder}, {type(error).__name__}): {what}"


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
                raise StateError(fix(folder, error)) from error
            log.warning("state on disk discarded", extra={"reason": "it does not open"})
            self.marker = None
            self._db = self._anew()

    def _failed(self, error: Exception) -> StateError:
        self._sound = False
        return StateError(fix(self.folder, error))

    def _anew(self) -> Rdict:
        try:
            emptied(self.folder)
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

    def rows(self, store: str) -> DiskRows:
        if store not in self._stores:
            self._stores[store] = DiskRows(self, store)
        return self._stores[store]

    def dues(self, store: str) -> DiskDues:
        return DiskDues(self, store)

    def forget(self, store: str) -> None:
        """Deletes what is held of one store."""
        for prefix in (prefix_of(store), due_prefix_of(store)):
            self.write([], [key for key, _ in self.range(prefix, prefix)])
        self._recount()

    def close(self, marker: Marker | None) -> None:
        """Writes everything out and, where a marker is given, that it is complete. Raises StateError."""
        with self._lock:
            if marker is not None and self._sound:
                self.asked(self._db.flush)
            self.asked(self._db.close)
            if marker is not None and self._sound:
                self.asked(lambda: clean_stop.left(self.folder / MARKER, marker))

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

    def peek(self, key: bytes) -> bytes | None:
        """The same for readers that do not own it: where they fail (it may be closed just then) they alone do.

        Raises StateError.
        """
        try:
            found: bytes | None = self._db.get(key)
        except Exception as error:
            raise StateError(fix(self.folder, error)) from error
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
