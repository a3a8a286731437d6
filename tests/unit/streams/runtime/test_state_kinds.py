"""State in memory and on disk: the same contract, held over both, and equal to a dict."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.references import References
from streams.engine.rows import Home, MemoryHome
from streams.engine.settle import Limits
from streams.engine.store import FoldStore, Held, Store, encode_held, timers_of
from streams.engine.task import Task
from streams.engine.timers import Timers
from streams.runtime.clean_stop import FORMAT, Marker, now_ms
from streams.runtime.disk import Disk
from streams.runtime.disk_home import DiskHome
from tests.unit.streams.engine.test_aborts import STEPS, World, play

CACHE_BYTES = 1 << 20
Kind = Callable[[], AbstractContextManager[Home]]


@contextmanager
def memory() -> Iterator[Home]:
    yield MemoryHome()


@contextmanager
def disk() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="state-"))
    home = Disk(folder, CACHE_BYTES).open(0)
    try:
        yield home
    finally:
        home.close(None)
        shutil.rmtree(folder)


KINDS = pytest.mark.parametrize("kind", [memory, disk])


@KINDS
def test_what_is_put_is_seen_at_once_and_committed_later(kind: Kind) -> None:
    with kind() as home:
        store = Store("table.orders", home.rows("table.orders"))
        store.put("a", b"1")
        assert (store.get("a"), store.rows.get("a"), len(store)) == (b"1", None, 0)
        assert store.drain() == {"a": b"1"}
        store.commit()
        assert (store.rows.get("a"), len(store), list(store)) == (b"1", 1, ["a"])
        store.put("a", None)
        assert (store.get("a"), list(store), store.rows.get("a")) == (None, [], b"1")
        store.commit()
        assert (store.rows.get("a"), len(store)) == (None, 0)


@KINDS
def test_an_abort_drops_what_is_not_committed(kind: Kind) -> None:
    with kind() as home:
        store = Store("s", home.rows("s"))
        store.restore("a", b"1")
        store.put("a", b"2")
        store.put("b", b"3")
        store.abort()
        assert (store.get("a"), store.get("b"), store.drain()) == (b"1", None, {})
        store.commit()
        assert dict(store.rows.items()) == {"a": b"1"}


@KINDS
def test_stores_of_one_partition_do_not_see_one_another(kind: Kind) -> None:
    with kind() as home:
        one, other = home.rows("state.a"), home.rows("state.ab")
        one.write({"b": b"1"})
        other.write({"": b"2", "b": b"3"})
        assert dict(one.items()) == {"b": b"1"}
        assert dict(other.items()) == {"": b"2", "b": b"3"}
        assert (len(one), len(other)) == (1, 2)


@KINDS
def test_rows_may_be_written_and_deleted_while_they_are_walked(kind: Kind) -> None:
    with kind() as home:
        rows = home.rows("s")
        rows.write({f"{n:05}": b"x" for n in range(3_000)})
        walked = []
        for key in rows.walk():
            walked.append(key)
            rows.write({key: None})
        assert sorted(walked) == [f"{n:05}" for n in range(3_000)]
        assert len(rows) == 0


Step = tuple[str, str, bytes | None]
KEYS = st.one_of(st.sampled_from(["", "a", "b", "a\0", "ä", "bigcommerce:1"]), st.text(max_size=3))
STORE_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "seal", "commit", "abort", "restore"]),
        KEYS,
        st.one_of(st.none(), st.binary(max_size=4)),
    ),
    max_size=40,
)


@KINDS
@settings(max_examples=40, deadline=None)
@given(steps=STORE_STEPS)
def test_any_puts_commits_and_aborts_end_as_in_a_dict(kind: Kind, steps: list[Step]) -> None:
    committed: dict[str, bytes] = {}
    sealed: dict[str, bytes] | None = None
    seen: dict[str, bytes] = {}
    changelog: dict[str, bytes | None] = {}
    with kind() as home:
        store = Store("s", home.rows("s"))
        for what, key, value in steps:
            if what == "put":
                store.put(key, value)
                _set(seen, key, value)
            elif what == "restore":
                store.abort()
                store.restore(key, value)
                _set(committed, key, value)
                seen, sealed = dict(committed), None
            elif what == "seal" and sealed is None:
                changelog |= store.drain()
                store.seal()
                sealed = dict(seen)
            elif what == "commit":
                changelog |= store.drain()
                store.commit()
                committed, sealed = dict(seen) if sealed is None else sealed, None
            elif what == "abort":
                store.abort()
                seen, sealed = dict(committed), None
            assert store.get(key) == seen.get(key)
            assert store.rows.get(key) == committed.get(key)
        assert dict(store.rows.items()) == committed
        assert set(store) == set(seen)
        assert len(store) == len(committed)
        assert sorted(store.rows.walk()) == sorted(committed)
    assert set(committed) <= set(changelog) | {key for what, key, _ in steps if what == "restore"}


def _set(rows: dict[str, bytes], key: str, value: bytes | None) -> None:
    rows.pop(key, None)
    if value is not None:
        rows[key] = value


# ---- timers ---------------------------------------------------------------------------------------------------------
class Count(msgspec.Struct, frozen=True):
    n: int = 0


def held(**timers: int) -> Held[Count]:
    return Held(Count(), timers, "trace", "cause", 1)


class Fold:
    """A fold's states with their timers, as the engine keeps them."""

    def __init__(self, home: Home) -> None:
        self.states = FoldStore(Store("state.f", home.rows("state.f")), Count)
        self.timers = Timers(self.states, home.dues("state.f"))
        self.sealed = False

    def put(self, key: str, **timers: int) -> None:
        before = self.states.get(key)
        old = before.timers if before else {}
        self.states.put(key, held(**timers), encode_held(held(**timers)))
        self.timers.note(key, {n: due for n, due in timers.items() if old.get(n) != due})

    def fire(self, now_ms: int, at_most: int = 1_000) -> list[tuple[int, str, str]]:
        fired = []
        for (due, key, name), state in self.timers.due(now_ms, at_most):
            rest = {n: d for n, d in state.timers.items() if n != name}
            self.states.put(key, held(**rest), encode_held(held(**rest)))
            fired.append((due, key, name))
        return fired

    def seal(self) -> None:
        if not self.sealed:
            self.states.store.seal()
            self.timers.seal()
        self.sealed = True

    def commit(self) -> None:
        self.states.store.commit()
        self.timers.commit()
        self.sealed = False

    def abort(self) -> None:
        self.states.store.abort()
        self.states.abort()
        self.timers.abort()
        self.sealed = False


@KINDS
def test_timers_fire_in_order_and_an_abort_brings_them_back(kind: Kind) -> None:
    with kind() as home:
        fold = Fold(home)
        fold.put("b", late=30, early=10)
        fold.put("a", late=20)
        fold.commit()
        assert fold.fire(25) == [(10, "b", "early"), (20, "a", "late")]
        fold.abort()
        assert fold.fire(100, at_most=1) == [(10, "b", "early")]
        fold.commit()
        assert fold.fire(100) == [(20, "a", "late"), (30, "b", "late")]
        assert fold.timers.next_due_ms() is None


@KINDS
def test_timers_are_found_again_after_a_restore(kind: Kind) -> None:
    with kind() as home:
        fold = Fold(home)
        entries = {f"k{n:05}": encode_held(held(t=n)) for n in range(25_000)}
        fold.states.store.restore_all(entries)
        fold.timers.restored(entries)
        fold.timers.rebuild()
        assert fold.timers.next_due_ms() == 0
        fold.put("k00007", t=99_999)
        fired = fold.fire(24_999, at_most=100_000)
        assert [due for due, _, _ in fired] == [n for n in range(25_000) if n != 7]
        assert fold.fire(100_000) == [(99_999, "k00007", "t")]


TIMER_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "fire", "seal", "commit", "abort"]),
        st.sampled_from(["a", "a\0", "b", "ä"]),
        st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 20), max_size=2),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=TIMER_STEPS)
def test_timers_on_disk_fire_as_those_in_memory(
    steps: list[tuple[str, str, dict[str, int]]],
) -> None:
    with memory() as one, disk() as other, pytest.MonkeyPatch.context() as patched:
        patched.setattr("streams.engine.timers.PAGE", 2)
        patched.setattr("streams.engine.timers.HEAP_MAX", 3)
        calm, paged = Fold(one), Fold(other)
        paged.timers.rebuild()
        now_ms = 0
        for what, key, timers in steps:
            for fold in (calm, paged):
                if what == "put":
                    fold.put(key, **timers)
                elif what == "seal":
                    fold.seal()
                elif what == "commit":
                    fold.commit()
                elif what == "abort":
                    fold.abort()
            assert on_disk(other) >= committed_timers(other)
            if what == "fire":
                now_ms += 3
                assert sorted(calm.fire(now_ms)) == sorted(paged.fire(now_ms))
        assert sorted(calm.fire(1_000)) == sorted(paged.fire(1_000))
        for _ in ("sealed", "the rest"):
            paged.commit()
        assert on_disk(other) == set()


def on_disk(home: Home) -> set[tuple[int, str, str]]:
    index = home.dues("state.f")
    assert index is not None
    return set(index.page(None, 1_000))


def committed_timers(home: Home) -> set[tuple[int, str, str]]:
    rows = home.rows("state.f").items()
    return {(due, key, name) for key, raw in rows for name, due in timers_of(raw).items()}


def test_a_state_whose_type_changed_costs_neither_the_restore_nor_its_timer() -> None:
    class Other(msgspec.Struct):
        m: int

    with memory() as home:
        Fold(home).states.store.restore("a", encode_held(held(t=5)))
        states = FoldStore(Store("state.f", home.rows("state.f")), Other)
        timers = Timers(states)
        timers.rebuild()
        assert list(timers.due(10, 10)) == []
        assert states.unreadable.take() == {"state not readable": 1}
        assert home.rows("state.f").get("a") == encode_held(held(t=5))
        assert states.sample() == (1, 1)
        again = Timers(FoldStore(states.store, Count))
        again.rebuild()
        assert [entry for entry, _ in again.due(10, 10)] == [(5, "a", "t")]


# ---- a whole task ---------------------------------------------------------------------------------------------------
class OnDisk(World):
    """The same world with its state on disk. A restart is clean: it reads some of the changelog again, or crashes."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.disk = Disk(folder, CACHE_BYTES)
        self.home = self.disk.open(0)
        self.task = self._over(self.home)
        self.history: list[tuple[str, str, bytes | None]] = []

    def _over(self, home: DiskHome) -> Task:
        return Task(self.plan, 0, self.codec, References((), self.codec), Limits(), home=home)

    def drained(self, changed: Mapping[str, Mapping[str, bytes | None]]) -> None:
        super().drained(changed)
        self.history += [(s, key, raw) for s, rows in changed.items() for key, raw in rows.items()]

    def restart(self) -> None:
        clean = self.rng.random() < 0.6
        known = self.rng.randrange(len(self.history) + 1) if clean else 0
        self.home.close(Marker(FORMAT, 0, 1, now_ms(), {}) if clean else None)
        self.home = self.disk.open(0)
        assert (self.home.marker is not None) is clean
        self.task = self._over(self.home)
        for store, key, value in self.history[known:]:
            self.task.state.restore(store, {key: value})
        self.task.restored()


@settings(max_examples=40, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_a_task_on_disk_ends_as_one_in_memory_over_aborts_clean_stops_and_crashes(
    steps: list[tuple[str, int]], seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        calm, rough = World(), OnDisk(Path(folder), random.Random(seed))
        play(calm, rough, steps, random.Random(seed))
        rough.restart()
        rows = {s: dict(store.rows.items()) for s, store in rough.task.state.stores.items()}
        rough.home.close(None)
    assert rough.outputs == calm.outputs
    assert rough.rows() == calm.rows()
    assert {(s, k): v for s, kept in rows.items() for k, v in kept.items()} == rough.changelog
