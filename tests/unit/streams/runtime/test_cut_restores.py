"""Restores that are stopped before they are whole: what is on disk gets no younger by them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gridwire.settings import KafkaSettings
from streams.engine.rows import Home
from streams.engine.task import Task
from streams.runtime import clean_stop
from streams.runtime.clean_stop import MARKER, Marker
from streams.runtime.disk import Disk
from streams.runtime.restore import Changelog, Entries
from streams.runtime.tasks import Tasks

SETTINGS = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused", partitions=2)
TOPIC = "table.orders"
HOUR_MS = 3_600_000
START_MS = 1_800_000_000_000


class _Task:
    """A task of which nothing but its rows counts."""

    def __init__(self, home: Home) -> None:
        self.state = self
        self._rows = home.rows("s")

    def restore(self, _store: str, entries: dict[str, bytes | None]) -> None:
        self._rows.restore(entries)

    def restored(self) -> None:
        """Nothing hangs on them."""


class World:
    """A changelog of one partition, a clock, and workers that come one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = START_MS
        self.log: list[tuple[int, str, bytes | None]] = []
        self.end = 0
        self.read_at_most = 0
        self.read_from: list[int] = []

    def write(self, key: str, value: bytes | None) -> None:
        self.log.append((self.end, key, value))
        self.end += 1

    def compact(self) -> None:
        """The last of each key stays; tombstones, which are old enough, go."""
        last = {key: offset for offset, key, _ in self.log}
        self.log = [entry for entry in self.log if last[entry[1]] == entry[0] and entry[2]]

    def tasks(self) -> Tasks:
        def make(_partition: int, home: Home) -> Task:
            made: Any = _Task(home)
            return made  # type: ignore[no-any-return]

        held = Tasks(SETTINGS, {"s": TOPIC}, make, Disk(self.folder, 1 << 20))
        held.assigned([0])
        return held

    def worker(self, *, read_at_most: int) -> dict[str, bytes]:
        """One that restores, all of it or a part, and is stopped cleanly. The rows that it had."""
        self.read_at_most = read_at_most
        held = self.tasks()
        held.step(1)
        rows = dict(held._homes[0].rows("s").items())
        held.close()
        return rows

    def marker(self) -> Marker | None:
        return clean_stop.read(self.folder / "partition-0" / MARKER)


class _Restore:
    """Reads what the world lets it; done where that is all."""

    def __init__(
        self,
        world: World,
        wanted: Sequence[Changelog],
        apply: Callable[[str, int, Entries], None],
    ) -> None:
        self.shares: dict[str, Any] = {}
        self._world, self._apply = world, apply
        (self._wanted,) = wanted
        world.read_from.append(self._wanted.start)

    def step(self, _seconds: float) -> bool:
        log, wanted = self._world.log, self._wanted
        there = {k: v for offset, k, v in log if wanted.start <= offset < wanted.end}
        given = dict([*there.items()][: self._world.read_at_most])
        self._apply("s", 0, given)
        return given == there and self._world.read_at_most > 0

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    made = World(tmp_path)
    for module in ("marks", "tasks"):
        monkeypatch.setattr(f"streams.runtime.{module}.now_ms", lambda: made.now_ms)
    monkeypatch.setattr(
        "gridwire.kafka.watermarks", lambda _s, at: dict.fromkeys(at, (0, made.end))
    )
    monkeypatch.setattr("gridwire.kafka.topic_ids", lambda _s, names: dict.fromkeys(names, "id"))
    monkeypatch.setattr(
        "streams.runtime.tasks.Restore",
        lambda _s, wanted, apply, _outage: _Restore(made, wanted, apply),
    )
    return made


ALL = 1_000


def test_a_deleted_row_stays_deleted_over_restores_that_are_cut_short(world: World) -> None:
    world.write("order-1", b"row")
    assert world.worker(read_at_most=ALL) == {"order-1": b"row"}
    world.write("order-1", None)  # by another worker
    for _ in range(3):
        world.now_ms += 11 * HOUR_MS
        world.worker(read_at_most=0)
    world.compact()
    world.now_ms += 11 * HOUR_MS
    assert world.worker(read_at_most=ALL) == {}


def test_a_restore_that_is_cut_short_keeps_the_time_of_the_marker_before_it(world: World) -> None:
    world.write("a", b"1")
    world.worker(read_at_most=ALL)
    world.write("b", b"2")
    world.now_ms += HOUR_MS
    world.worker(read_at_most=0)
    left = world.marker()
    assert left is not None
    assert (left.stopped_at_ms, left.places["s"].offset) == (START_MS, 1)
    world.now_ms += HOUR_MS
    assert world.worker(read_at_most=ALL) == {"a": b"1", "b": b"2"}
    assert world.read_from == [0, 1, 1], "a young one is still read on from"
    left = world.marker()
    assert left is not None
    assert left.stopped_at_ms == START_MS + 2 * HOUR_MS, "now it was whole"


def test_a_rebuild_that_is_cut_short_is_as_old_as_its_beginning(world: World) -> None:
    world.write("a", b"1")
    world.write("b", b"2")
    world.read_at_most = 1
    held = world.tasks()
    held.step(1)
    world.now_ms += 3 * HOUR_MS
    held.close()
    left = world.marker()
    assert left is not None
    assert (left.stopped_at_ms, left.places["s"].offset) == (START_MS, 0)


def test_a_rebuild_that_begins_again_keeps_nothing_of_the_try_before(world: World) -> None:
    world.write("a", b"1")
    world.write("b", b"2")
    world.read_at_most = 1
    held = world.tasks()
    held.step(1)
    world.write("a", None)
    world.compact()
    world.now_ms += 30 * HOUR_MS
    held.assigned([1])  # the restore begins anew
    held.revoked({0})
    world.read_at_most = ALL
    assert held.step(1)
    assert dict(held._homes[0].rows("s").items()) == {"b": b"2"}
    held.close()
