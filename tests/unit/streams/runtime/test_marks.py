"""From where a later restore may read on: what a commit proves, and what nothing does."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition

from gridwire.settings import KafkaSettings
from streams.engine.rows import Home
from streams.engine.task import Task
from streams.runtime.clean_stop import MARKER, Place
from streams.runtime.disk import Disk
from streams.runtime.marks import ASK_EVERY_S, Marks
from streams.runtime.tasks import Tasks

SETTINGS = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused", partitions=2)
TOPIC = "table.orders"


class _Offset:
    def __init__(self, offset: int) -> None:
        self.offset = offset


class _Answer:
    """What an admin client's future is."""

    def __init__(self) -> None:
        self.offset: int | None = None
        self.error: Exception | None = None

    def done(self) -> bool:
        return self.offset is not None or self.error is not None

    def exception(self) -> Exception | None:
        return self.error

    def result(self) -> _Offset:
        assert self.offset is not None
        return _Offset(self.offset)


class Asked(Marks):
    """Marks whose questions are answered by hand."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.answers: list[_Answer] = []
        self.begin(0, {"s": Place(TOPIC, "id", 10)})

    def _ask(self) -> None:
        self.answers.append(_Answer())
        self._asked = {TopicPartition(TOPIC, 0): self.answers[-1]}

    def later(self) -> None:
        """It is time to ask again."""
        self._asked_at -= ASK_EVERY_S + 1

    def offset(self) -> int:
        return self._places[0]["s"].offset


def test_an_end_counts_once_a_commit_that_began_after_it_has_succeeded() -> None:
    one = Asked()
    one.later()
    one.before_commit()
    one.answers[0].offset = 50
    one.after_commit()
    assert one.offset() == 10, "this commit began before the answer"
    one.before_commit()
    assert one.offset() == 10
    one.after_commit()
    assert one.offset() == 50
    one.before_commit()
    one.after_commit()
    assert one.offset() == 50


def test_a_commit_that_fails_proves_nothing() -> None:
    one = Asked()
    one.later()
    one.before_commit()
    one.answers[0].offset = 50
    one.before_commit()
    one.aborted()
    one.after_commit()
    assert one.offset() == 10


def test_an_end_that_cannot_be_told_moves_nothing_and_is_asked_for_again() -> None:
    one = Asked()
    one.later()
    one.before_commit()
    one.answers[0].error = RuntimeError("no leader")
    one.before_commit()
    one.after_commit()
    assert one.offset() == 10
    one.later()
    one.before_commit()
    assert len(one.answers) == 2


def test_ends_are_not_asked_for_at_every_commit() -> None:
    one = Asked()
    for _ in range(100):
        one.before_commit()
        one.after_commit()
    assert one.answers == []


# ---- and what becomes of them -------------------------------------------------------------------------------------
class _Task:
    """A task of which nothing but its rows counts."""

    def __init__(self, home: Home) -> None:
        self.state = self
        self._rows = home.rows("s")

    def restore(self, _store: str, entries: dict[str, bytes | None]) -> None:
        self._rows.restore(entries)

    def restored(self) -> None:
        """Nothing hangs on them."""

    def commit(self) -> None:
        self._rows.write({"k": b"v"})

    def unreadable(self) -> dict[tuple[str, str], int]:
        return {}


def restored(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: KafkaSettings) -> Tasks:
    """Tasks on disk over an empty changelog that ends at 7."""
    monkeypatch.setattr("gridwire.kafka.watermarks", lambda _s, at: dict.fromkeys(at, (0, 0)))
    monkeypatch.setattr("gridwire.kafka.topic_ids", lambda _s, names: dict.fromkeys(names, "id"))

    def make(_partition: int, home: Home) -> Task:
        made: Any = _Task(home)
        return made  # type: ignore[no-any-return]

    held = Tasks(settings, {"s": TOPIC}, make, Disk(folder, 1 << 20))
    held.assigned([0, 1])
    assert held.step(60)
    return held


def markers(folder: Path) -> int:
    return len(list(folder.rglob(MARKER)))


def test_a_clean_end_leaves_a_marker_for_each_partition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = restored(monkeypatch, tmp_path, SETTINGS)
    held.committed()
    assert markers(tmp_path) == 0
    held.revoked({1})
    assert markers(tmp_path) == 1
    held.close()
    assert markers(tmp_path) == 2
    again = restored(monkeypatch, tmp_path, SETTINGS)
    assert markers(tmp_path) == 0
    home = again._homes[0]
    assert home.rows("s").get("k") == b"v"
    again.close()


def test_a_commit_that_was_taken_over_in_part_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    held = restored(monkeypatch, tmp_path, SETTINGS)

    def fails() -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(held.ready[1], "commit", fails)
    with pytest.raises(RuntimeError):
        held.committed()
    held.close()
    assert markers(tmp_path) == 0


def test_without_transactions_nothing_is_proven(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unfenced = msgspec.structs.replace(SETTINGS, delivery="at_least_once")
    held = restored(monkeypatch, tmp_path, unfenced)
    held.committed()
    held.close()
    assert markers(tmp_path) == 0
