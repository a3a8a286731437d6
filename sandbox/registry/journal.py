"""What the registry remembers: one JSON line per change, on disk before anyone is told."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class JournalError(Exception):
    """The journal cannot be read; the message says where and what to do."""


class Journal:
    """An append-only file. A half-written last line, left by a power cut, was never acknowledged: it is cut off."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._length = self._cut_to_last_whole_line()

    def _cut_to_last_whole_line(self) -> int:
        whole = self._path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        return whole

    def entries(self) -> Iterator[Entry]:
        """What was written so far. Raises JournalError on a line that is not an entry."""
        for number, line in enumerate(self._path.read_bytes().splitlines(), start=1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise JournalError(
                    f"{self._path}, line {number} is damaged: remove the file to begin anew, or restore it"
                ) from error
            yield entry

    def append(self, entries: list[Entry]) -> None:
        """Write all entries or none, and return when they are on disk. Raises OSError (disk full)."""
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(f"wrote {written} of {len(data)} bytes to {self._path}: disk full?")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._length)
            raise
        self._length += len(data)

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._file)
