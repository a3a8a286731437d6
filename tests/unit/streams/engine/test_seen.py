"""Ids seen lately: exact over aborts, commits that take a while, and restarts; in few rows."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.engine import seen as module
from streams.engine.seen import ID_BYTES, SMALL_IDS, Seen, restore_all
from streams.engine.store import Store

IDS_MAX = 12


class Model:
    """The same by a list."""

    def __init__(self) -> None:
        self.ids: list[int] = []  # as drained
        self.round: list[int] = []
        self.committed: list[int] = []
        self.sealed: list[int] | None = None

    def first_time(self, one: int) -> bool:
        if one in self.ids or one in self.round:
            return False
        self.round.append(one)
        return True

    def known(self) -> set[bytes]:
        return {_id(one) for one in self.ids + self.round}

    def drain(self) -> None:
        self.ids, self.round = (self.ids + self.round)[-IDS_MAX:], []

    def seal(self) -> None:
        self.sealed = self.ids

    def commit(self) -> None:
        self.committed, self.sealed = self.ids if self.sealed is None else self.sealed, None

    def abort(self) -> None:
        self.ids, self.round, self.sealed = self.committed, [], None


class Real:
    """Two topics in one store, and its changelog."""

    def __init__(self) -> None:
        self.changelog: dict[str, bytes] = {}
        self.drained: list[dict[str, bytes | None]] = []
        self.sealed: list[dict[str, bytes | None]] | None = None
        self.restart()

    def restart(self) -> None:
        self.store = Store("state.seen")
        self.store.restore_all(self.changelog)
        self.topics = [Seen(topic, self.store, IDS_MAX) for topic in ("a", "b")]
        self.drained, self.sealed = [], None
        restore_all(self.store, self.topics)

    def known(self) -> list[set[bytes]]:
        return [topic._ids for topic in self.topics]

    def drain(self) -> None:
        for topic in self.topics:
            topic.drain()
        self.drained.append(self.store.drain())

    def seal(self) -> None:
        self.store.seal()
        for topic in self.topics:
            topic.seal()
        self.sealed, self.drained = self.drained, []

    def commit(self) -> None:
        if self.sealed is None:
            self.sealed, self.drained = self.drained, []
        self.store.commit()
        for topic in self.topics:
            topic.commit()
        for key, value in itertools.chain.from_iterable(changed.items() for changed in self.sealed):
            self.changelog.pop(key, None)
            if value is not None:
                self.changelog[key] = value
        self.sealed = None

    def abort(self) -> None:
        self.store.abort()
        for topic in self.topics:
            topic.abort()
        self.drained, self.sealed = [], None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.sampled_from([0, 1]), st.integers(0, 40)),
        st.tuples(st.sampled_from(["drain", "seal", "commit", "abort", "restart"])),
        st.tuples(st.just("round"), st.sampled_from([0, 1]), st.lists(st.integers(0, 40))),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@example(
    [
        ("round", 0, list(range(13))),
        ("drain",),
        ("see", 0, 0),  # forgotten, and stored still
        ("commit",),
        ("restart",),
    ]
)
@given(STEPS)
def test_ids_are_known_as_a_list_knows_them_over_aborts_seals_and_restarts(
    steps: list[tuple[str, int, int | list[int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "SMALL_IDS", (2, 5))
        patched.setattr(module, "CHUNK_IDS_MAX", 6)
        real, models = Real(), (Model(), Model())
        for what, *more in steps:
            _step(real, models, what, *more)
        assert real.known() == [model.known() for model in models]
        _everywhere(real, models, "abort")
        assert real.known() == [model.known() for model in models]


def _step(real: Real, models: tuple[Model, Model], what: str, *more: int | list[int]) -> None:
    if what in ("see", "round"):
        at, given = more
        assert isinstance(at, int)
        ids = given if isinstance(given, list) else [given]
        found = real.topics[at].first_times([_id(one) for one in ids])
        expected = [models[at].first_time(one) for one in ids]
        assert (found or [True] * len(ids)) == expected
        return
    if what == "seal" and real.sealed is not None:
        return
    if what in ("seal", "commit") and real.sealed is None:  # as a task is asked to
        _everywhere(real, models, "drain")
    _everywhere(real, models, what)


def _everywhere(real: Real, models: tuple[Model, Model], what: str) -> None:
    getattr(real, what)()
    for model in models:
        getattr(model, "abort" if what == "restart" else what)()


def _id(number: int) -> bytes:
    return number.to_bytes(ID_BYTES, "big")


def test_an_id_among_the_last_is_known_and_the_one_before_them_is_not() -> None:
    store = Store("state.seen")
    seen = Seen("t", store, 1_000)
    for number in range(1_500):
        assert seen.first_time(f"e-{number}")
        if number % 7 == 0:
            seen.drain()
    seen.drain()
    again = Seen("t", store, 1_000)
    restore_all(store, [again])
    for one in (seen, again):
        assert not one.first_time("e-500")
        assert one.first_time("e-499")


def _written(sizes: list[int]) -> tuple[int, int]:
    """Rows, and ids written, after rounds of so many ids."""
    store = Store("state.seen")
    seen = Seen("t", store, 1_000_000)
    written, numbers = 0, itertools.count()
    for size in sizes:
        for number in itertools.islice(numbers, size):
            assert seen.first_time(f"e-{number}")
        seen.drain()
        written += sum(len(value or b"") for value in store.drain().values()) // ID_BYTES
        seen.commit()
        store.commit()
    return len(store), written


@pytest.mark.parametrize(
    ("sizes", "rows_max"),
    [
        ([1] * 10_000, 80),
        ([*[1] * 15, 17] * 300, 100),
        ([*[1] * 15, 255, 16, 300, 5_000] * 5, 100),
        ([3, 20_001] * 3, 12),
    ],
)
def test_rounds_leave_few_rows_and_each_id_is_written_at_most_once_per_size(
    sizes: list[int], rows_max: int
) -> None:
    rows, written = _written(sizes)
    assert rows <= rows_max
    assert written <= sum(sizes) * (len(SMALL_IDS) + 1)


def test_rows_of_one_id_each_that_an_earlier_version_left_become_few() -> None:
    store = Store("state.seen")
    for number in range(30_000):
        store.restore(f"t|{number:x}", number.to_bytes(ID_BYTES, "big"))
    seen = Seen("t", store, 50_000)
    restore_all(store, [seen])
    assert seen.first_time("e")
    seen.drain()
    store.commit()
    assert len(store) <= 5
    assert seen.first_times([_id(number) for number in range(30_000)]) == [False] * 30_000


def test_a_restore_reads_the_store_once_however_many_topics_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, passes = Store("state.seen"), 0
    whole: Callable[[Store], object] = Store.__iter__

    def counted(given: Store) -> object:
        nonlocal passes
        passes += 1
        return whole(given)

    topics = [Seen(f"t{n}", store, 100) for n in range(10)]
    for topic in topics:
        topic.first_time("e")
        topic.drain()
    monkeypatch.setattr(Store, "__iter__", counted)
    again = [Seen(topic.topic, store, 100) for topic in topics]
    restore_all(store, again)
    assert passes == 1
    for topic in again:
        topic.first_time("f")
        topic.abort()
        assert not topic.first_time("e")
    assert passes == 1, "an abort reads nothing"
