"""The journal under a power cut, a full disk and a careless editor."""

import os
from pathlib import Path

import pytest

from sandbox.registry.journal import Journal, JournalError

FIRST, SECOND = {"op": "level", "level": "NONE"}, {"op": "level", "level": "FULL"}


def test_a_half_written_last_line_is_cut_off_and_writing_goes_on_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).append([FIRST])
    path.write_bytes(path.read_bytes() + b'{"op": "lev')
    journal = Journal(path)
    journal.append([SECOND])
    assert list(journal.entries()) == [FIRST, SECOND]


def test_a_damaged_line_before_the_last_stops_the_start_and_names_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"{broken\n{}\n")
    with pytest.raises(JournalError, match="line 1 is damaged: remove the file"):
        list(Journal(path).entries())


def test_a_refused_write_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([FIRST])
    real_write = os.write
    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", lambda file, data: real_write(file, data[: len(data) // 2]))
        with pytest.raises(OSError, match="disk full"):
            journal.append([SECOND])
    journal.append([SECOND])
    assert list(journal.entries()) == [FIRST, SECOND]
