"""State on disk over stops, clean and not, and over what a disk does to it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gridwire.settings import KafkaSettings, SettingsError
from streams.engine.rows import StateError
from streams.runtime.clean_stop import FORMAT, MARKER, Marker, Place, now_ms
from streams.runtime.disk import Disk, disk_of
from streams.runtime.disk_home import DiskHome
from streams.runtime.disk_rows import DiskRows
from streams.runtime.marks import MARKER_MS_MAX, distrusted
from streams.runtime.settings import StreamsSettings

CACHE_BYTES = 1 << 20
TOPIC = "table.orders"


def marker(**fields: Any) -> Marker:
    given: dict[str, Any] = {
        "format": FORMAT,
        "partition": 0,
        "partitions": 4,
        "stopped_at_ms": now_ms(),
        "places": {TOPIC: Place(TOPIC, "id-1", 7)},
    }
    return Marker(**(given | fields))


def opened(folder: Path, partition: int = 0) -> DiskHome:
    return Disk(folder, CACHE_BYTES).open(partition)


def stopped(folder: Path, left: Marker | None, rows: int = 2) -> None:
    home = opened(folder)
    home.rows(TOPIC).write({f"k{n}": b"v" * 100 for n in range(rows)})
    home.close(left)


def test_after_a_clean_stop_rows_and_places_are_there_again(tmp_path: Path) -> None:
    stopped(tmp_path, marker())
    home = opened(tmp_path)
    assert home.marker is not None
    assert home.marker.places[TOPIC].offset == 7
    assert sorted(home.rows(TOPIC).walk()) == ["k0", "k1"]
    home.close(None)


def test_after_a_crash_there_is_nothing_even_where_an_earlier_stop_was_clean(
    tmp_path: Path,
) -> None:
    stopped(tmp_path, marker())
    opened(tmp_path).close(None)  # what a crash leaves: the marker went when it was opened
    home = opened(tmp_path)
    assert home.marker is None
    assert len(home.rows(TOPIC)) == 0
    home.close(None)


def test_the_marker_is_gone_before_anything_is_written(tmp_path: Path) -> None:
    stopped(tmp_path, marker())
    home = opened(tmp_path)
    assert not (tmp_path / "partition-0" / MARKER).exists()
    home.close(None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}'])
def test_a_marker_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    stopped(tmp_path, marker())
    (tmp_path / "partition-0" / MARKER).write_text(text)
    home = opened(tmp_path)
    assert (home.marker, len(home.rows(TOPIC))) == (None, 0)
    home.close(None)


def test_a_marker_of_another_format_is_none(tmp_path: Path) -> None:
    stopped(tmp_path, marker())
    other = msgspec.json.encode(marker(format=FORMAT + 1))
    (tmp_path / "partition-0" / MARKER).write_bytes(other)
    home = opened(tmp_path)
    assert home.marker is None
    home.close(None)


def test_a_store_that_was_not_in_use_is_forgotten_alone(tmp_path: Path) -> None:
    home = opened(tmp_path)
    for store in ("state.a", "state.ab"):
        home.rows(store).write({"k": b"v"})
        home.dues(store).write([(1, "k", "t")], [])
    home.forget("state.a")
    assert (len(home.rows("state.a")), home.dues("state.a").page(None, 9)) == (0, [])
    assert (len(home.rows("state.ab")), len(home.dues("state.ab").page(None, 9))) == (1, 1)
    home.close(None)


def test_partitions_that_left_long_ago_are_removed(tmp_path: Path) -> None:
    disk = Disk(tmp_path, CACHE_BYTES)
    for partition, left in enumerate((marker(), marker(stopped_at_ms=1), None)):
        disk.open(partition).close(left)
    in_use = disk.open(3)
    disk.prune(older_than_ms=1_000)
    in_use.close(marker(partition=3))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "partition-0",
        "partition-3",
    ]


# ---- settings --------------------------------------------------------------------------------------------------------
KAFKA = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused", slot=2)


def test_state_is_in_memory_unless_told_otherwise() -> None:
    assert disk_of(KAFKA, StreamsSettings()) is None


def test_each_slot_of_each_group_has_a_folder_of_its_own(tmp_path: Path) -> None:
    asked = StreamsSettings(state="disk", state_dir=str(tmp_path), worker_group="slow")
    found = disk_of(KAFKA, asked)
    assert found is not None
    assert found.folder == tmp_path / "gridwire.slow" / "slot-2"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"state_dir": ""}, "GRIDWIRE_STATE_DIR"),
        ({"state_dir": "x", "state_cache_mb": 0}, "GRIDWIRE_STATE_CACHE_MB"),
    ],
)
def test_settings_of_state_that_do_not_go_together_are_named(
    given: dict[str, Any], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        disk_of(KAFKA, StreamsSettings(state="disk", **given))


# ---- whether a marker holds ------------------------------------------------------------------------------------------
ENDS = {(TOPIC, 0): (0, 9)}
IDS = {TOPIC: "id-1"}


def test_a_marker_that_fits_is_trusted() -> None:
    assert distrusted(marker(), 4, ENDS, IDS) is None


@pytest.mark.parametrize(
    ("left", "partitions", "ends", "ids", "why"),
    [
        (None, 4, ENDS, IDS, "no clean stop"),
        (marker(stopped_at_ms=now_ms() - MARKER_MS_MAX - 1_000), 4, ENDS, IDS, "too old"),
        (marker(stopped_at_ms=now_ms() + 3_600_000), 4, ENDS, IDS, "too old"),
        (marker(), 8, ENDS, IDS, "another number of partitions"),
        (marker(), 4, ENDS, {TOPIC: "id-2"}, "another topic"),
        (marker(), 4, ENDS, {}, "another topic"),
        (marker(places={TOPIC: Place(TOPIC, "", 7)}), 4, ENDS, {}, "another topic"),
        (marker(), 4, {(TOPIC, 0): (0, 6)}, IDS, "offsets that the changelog does not have"),
        (marker(), 4, {(TOPIC, 0): (8, 9)}, IDS, "offsets that the changelog does not have"),
        (marker(), 4, {}, IDS, "offsets that the changelog does not have"),
    ],
)
def test_a_marker_that_does_not_fit_is_not_trusted(
    left: Marker | None, partitions: int, ends: Any, ids: Any, why: str
) -> None:
    assert distrusted(left, partitions, ends, ids) == why


# ---- a disk that fails -----------------------------------------------------------------------------------------------
class _Failing:
    """A database that says `text` to everything."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise Exception(self._text)  # noqa: TRY002 -- as rocksdict does

        return fail


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("IO error: No space left on device: while appending", "free space"),
        ("Corruption: block checksum mismatch", "discarded and rebuilt"),
        ("something else", "GRIDWIRE_STATE=memory"),
    ],
)
def test_a_disk_that_fails_names_the_fix_and_leaves_no_marker(
    tmp_path: Path, text: str, fix: str
) -> None:
    home = opened(tmp_path)
    real, failing = home._db, _Failing(text)
    home._db = failing  # type: ignore[assignment]
    asked = (
        lambda: home.rows(TOPIC).get("k"),
        lambda: home.rows(TOPIC).restore({"k": b"v"}),
        lambda: list(home.rows(TOPIC).items()),
        lambda: home.close(marker()),
    )
    for ask in asked:
        with pytest.raises(StateError, match=fix):
            ask()
    real.close()
    assert not (tmp_path / "partition-0" / MARKER).exists()


def test_two_workers_in_one_folder_are_told_what_to_set(tmp_path: Path) -> None:
    home = opened(tmp_path)
    home.rows(TOPIC).write({"k": b"v"})
    with pytest.raises(StateError, match="GRIDWIRE_SLOT or GRIDWIRE_STATE_DIR"):
        opened(tmp_path)
    home.close(marker())
    again = opened(tmp_path)
    assert again.rows(TOPIC).get("k") == b"v", "the second one must not touch what it may not have"
    again.close(None)


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StateError, match="state on disk failed"):
        opened(tmp_path / "file")


def test_files_that_are_damaged_are_noticed_and_the_next_start_begins_with_nothing(
    tmp_path: Path,
) -> None:
    stopped(tmp_path, marker(), rows=20_000)
    for path in (tmp_path / "partition-0").glob("*.sst"):
        raw = bytearray(path.read_bytes())
        raw[: len(raw) // 2] = bytes(len(raw) // 2)
        path.write_bytes(raw)
    with pytest.raises(StateError, match="damaged"):
        _read_all(opened(tmp_path))
    home = opened(tmp_path)
    assert (home.marker, len(home.rows(TOPIC))) == (None, 0)
    home.close(None)


def _read_all(home: DiskHome) -> None:
    try:
        for n in range(20_000):
            home.rows(TOPIC).get(f"k{n}")
    finally:
        home.close(None)


def test_files_that_do_not_even_open_are_discarded(tmp_path: Path) -> None:
    stopped(tmp_path, marker(), rows=1_000)
    for path in (tmp_path / "partition-0").glob("MANIFEST-*"):
        path.write_bytes(b"junk")
    home = opened(tmp_path)
    assert (home.marker, len(home.rows(TOPIC))) == (None, 0)
    home.close(None)


# ---- those who only look --------------------------------------------------------------------------------------------
def test_beside_a_commit_the_number_of_rows_is_known_without_looking_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = opened(tmp_path)
    rows = home.rows(TOPIC)
    rows.write({"a": b"1", "b": b"2"})
    told: list[int] = []
    kept: list[int | None] = []
    write = home.write

    def noted(of: DiskRows, name: str, value: Any) -> None:
        object.__setattr__(of, name, value)
        kept.append(of._count)

    def no_walk(*_: Any) -> Any:
        raise AssertionError("a scan of the whole store, in the event loop")

    def watched(*given: Any) -> None:
        told.append(len(rows))
        write(*given)
        told.append(len(rows))

    monkeypatch.setattr(home, "write", watched)
    monkeypatch.setattr(home, "range", no_walk)
    monkeypatch.setattr(DiskRows, "__setattr__", noted)
    rows.write({"a": None, "c": b"3", "d": b"4", "never": None})
    assert (told, kept) == ([2, 2], [3]), "there is always a number to tell"
    assert len(rows) == 3
    monkeypatch.undo()
    rows.recount()
    assert len(rows) == 3, "the number that was kept is the one that is there"
    home.close(None)


def test_a_query_that_meets_a_closed_partition_costs_no_marker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = opened(tmp_path)
    rows = home.rows(TOPIC)
    rows.write({"k": b"v"})
    assert rows.peek("k") == b"v"
    close = home._db.close
    failed: list[StateError] = []

    def closed_and_asked() -> None:
        """A query comes between the database's end and the marker."""
        close()
        with pytest.raises(StateError) as raised:
            rows.peek("k")
        failed.append(raised.value)

    closing: Any = _Closing(home._db, closed_and_asked)
    monkeypatch.setattr(home, "_db", closing)
    home.close(marker())
    assert len(failed) == 1
    again = opened(tmp_path)
    assert again.marker is not None, "nothing has to be read again"
    assert again.rows(TOPIC).get("k") == b"v"
    again.close(None)


class _Closing:
    """A database with another way to close."""

    def __init__(self, database: Any, close: Any) -> None:
        self._database = database
        self.close = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)
