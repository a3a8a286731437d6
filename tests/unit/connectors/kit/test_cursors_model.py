"""Polls against model platforms: whatever happens between two requests, every object's last change is seen."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from connectors.kit.connector import MalformedError, Page, Request, Response
from connectors.kit.cursors import Ask, Chains, Mark, Spans, Steps
from tests.unit.connectors.kit.listings import (
    START_MS,
    Event,
    Model,
    Run,
    answered,
    exhausted,
    row,
)

NAMES = [f"o{number}" for number in range(12)]
OBJECTS = st.sampled_from(NAMES)
BEHIND_MS_MAX, INDEX_LAG_MS_MAX = 3_000, 2_000


def events(index_lag_ms_max: int) -> st.SearchStrategy[list[Event]]:
    lags = st.integers(0, index_lag_ms_max)
    writes = st.lists(st.tuples(OBJECTS, lags), max_size=4).map(tuple)
    ticks = st.sampled_from([0, 0, 1, 10, 400, 1_000, 5_000])
    one = st.builds(Event, writes, ticks, st.sampled_from([False, False, False, True]))
    return st.lists(one, max_size=40)


def imported(model: Model) -> Model:
    """All objects were written at one time, a while ago."""
    for name in NAMES:
        model.write(name)
    model.now_ms += 60_000
    return model


# ---- spans ---------------------------------------------------------------------------------------
class Listing:
    """A list filtered and sorted by time of modification, in pages; with a cap, as SFCC has it."""

    def __init__(self, model: Model, spans: Spans, *, inclusive: bool) -> None:
        self._model = model
        self._spans = spans
        self._inclusive = inclusive

    def serve(self, request: Request) -> Response:
        """`From` is inclusive and `To` exclusive, or the other way about."""
        asked = {name: int(value) for name, value in request.query.items()}
        assert asked["offset"] + asked["limit"] <= self._spans.cap, "beyond the platform's cap"
        since, until = asked["since"], asked["until"]
        found = [
            one
            for one in self._model.listed()
            if (since <= one.at_ms < until if self._inclusive else since < one.at_ms <= until)
        ]
        return answered([row(o) for o in found[asked["offset"] :][: asked["limit"]]])

    def step(self, cursor: str | None, now_ms: int) -> Generator[Request, Response, Page]:
        at = self._spans.begin(cursor, now_ms, START_MS - 100_000, _none)
        rows, after = yield from self._spans.page(at, self._ask, _mark)
        records: Any = tuple((one["id"], one["version"]) for one in rows)
        return Page(records, after.encoded(), not after.done)

    def _ask(self, asked: Ask) -> Steps[list[Any]]:
        if self._spans.numbered:
            assert asked.offset % asked.limit == 0
        query = {
            "since": str(asked.since_ms),
            "until": str(asked.until_ms),
            "offset": str(asked.offset),
            "limit": str(asked.limit),
        }
        found = (yield Request("GET", "/rows", query)).json()
        assert isinstance(found, list)
        return found


def _mark(one: Any) -> Mark:
    return Mark(one["id"], one["at_ms"])


def _none(_decoded: Any) -> Any:
    raise AssertionError("every checkpoint here has a version")


def outcome(run: Run, settle_ms: int) -> tuple[int, str]:
    """The pages of the last poll, or why there is none."""
    try:
        return exhausted(run, settle_ms), ""
    except MalformedError as error:
        return 0, str(error)


def checked(model: Model, run: Run, spans: Spans, settle_ms: int) -> None:
    """Runs to the end; every last change was seen. A list that cannot be read must say so truly."""
    pages, refused = outcome(run, settle_ms)
    if refused:
        assert "objects or more changed" in refused
        times = sorted(one.at_ms for one in model.listed())
        width = spans.unit_ms + spans.back_ms
        crowd = max(sum(t <= other <= t + width for other in times) for t in times)
        assert crowd >= spans.cap - spans.limit
        event("more than the cap at one time")
        return
    assert model.latest() <= set(run.committed)
    assert pages <= 3 * len(model.versions) + 5


@settings(max_examples=300, deadline=None)
@given(
    happening=events(INDEX_LAG_MS_MAX),
    behind_ms=st.integers(-BEHIND_MS_MAX, BEHIND_MS_MAX),
    unit_ms=st.sampled_from([1, 1_000]),
    shape=st.tuples(st.integers(2, 4), st.integers(4, 30), st.integers(1, 30)),
    inclusive=st.booleans(),
)
def test_a_list_by_offset_with_a_cap_misses_no_change(
    happening: list[Event],
    behind_ms: int,
    unit_ms: int,
    shape: tuple[int, int, int],
    inclusive: bool,
) -> None:
    limit, cap, stride = shape
    spans = Spans(
        limit=limit,
        cap=cap,
        stride=min(stride, cap),
        lag_ms=1_000,
        # The rest of what the platform may be late: its clock, its index, its rounding.
        overlap_ms=BEHIND_MS_MAX + INDEX_LAG_MS_MAX + unit_ms,
        unit_ms=unit_ms,
        back_ms=0 if inclusive else unit_ms,
    )
    model = imported(Model(behind_ms, unit_ms))
    listing = Listing(model, spans, inclusive=inclusive)
    run = Run(model, listing.step, listing.serve, iter(happening))
    checked(model, run, spans, settle_ms=60_000)


@settings(max_examples=300, deadline=None)
@given(
    happening=events(0),
    behind_ms=st.integers(-BEHIND_MS_MAX, BEHIND_MS_MAX),
    limit=st.integers(1, 4),
    pages=st.integers(3, 20),
    inclusive=st.booleans(),
)
def test_a_list_by_page_numbers_in_seconds_misses_no_change(
    happening: list[Event], behind_ms: int, limit: int, pages: int, inclusive: bool
) -> None:
    spans = Spans(
        limit=limit,
        cap=limit * pages,
        stride=limit,
        lag_ms=BEHIND_MS_MAX + 1_000,
        overlap_ms=2_000,
        unit_ms=1_000,
        back_ms=1_000,
        numbered=True,
    )
    model = imported(Model(behind_ms, 1_000))
    listing = Listing(model, spans, inclusive=inclusive)
    run = Run(model, listing.step, listing.serve, iter(happening))
    checked(model, run, spans, settle_ms=60_000)


# ---- chains --------------------------------------------------------------------------------------
class Chained:
    """A list in order of change whose cursors are places in it, and expire."""

    def __init__(self, model: Model, chains: Chains, expires_ms: int) -> None:
        self._model = model
        self._chains = chains
        self._expires_ms = expires_ms

    def serve(self, request: Request) -> Response:
        asked = request.query
        found = self._model.listed()
        if "cursor" in asked:
            made, at, name = asked["cursor"].split("|")
            if self._model.now_ms - int(made) > self._expires_ms:
                return answered([], 410)
            found = [one for one in found if (one.at_ms, one.id) > (int(at), name)]
        found = [one for one in found if one.at_ms >= int(asked["since"])]
        return answered([row(one) for one in found[:4]])

    def step(self, cursor: str | None, now_ms: int) -> Generator[Request, Response, Page]:
        at = self._chains.begin(cursor, now_ms, 0, _none)
        query = {"since": str(at.since_ms)} | ({"cursor": at.cursor} if at.cursor else {})
        answer = yield Request("GET", "/rows", query)
        if answer.status == 410:
            return Page((), self._chains.expired(at).encoded(), more=True)
        rows: Any = answer.json()
        more = len(rows) == 4
        following = f"{now_ms}|{rows[-1]['at_ms']}|{rows[-1]['id']}" if rows else None
        after = self._chains.after(at, following, more=more, times=[one["at_ms"] for one in rows])
        records: Any = tuple((one["id"], one["version"]) for one in rows)
        return Page(records, after.encoded(), more)


@settings(max_examples=300, deadline=None)
@given(
    happening=events(INDEX_LAG_MS_MAX),
    behind_ms=st.integers(-BEHIND_MS_MAX, BEHIND_MS_MAX),
    expires_ms=st.sampled_from([300, 2_000, 1_000_000]),
)
def test_a_chain_of_cursors_that_expire_misses_no_change(
    happening: list[Event], behind_ms: int, expires_ms: int
) -> None:
    model = Model(behind_ms)
    chained = Chained(model, Chains(overlap_ms=INDEX_LAG_MS_MAX + max(0, behind_ms)), expires_ms)
    run = Run(model, chained.step, chained.serve, iter(happening))
    pages, refused = outcome(run, settle_ms=60_000)
    if refused:
        assert "expires too soon" in refused  # the model's clock ran on at every page
        return
    assert model.latest() <= set(run.committed)
    assert pages <= len(model.versions) + 5


# ---- logs ----------------------------------------------------------------------------------------
class Log:
    """All changes in the order of their coming, read on from a cursor; what is old is gone."""

    def __init__(self, model: Model, kept: int) -> None:
        self._model = model
        self._kept = kept
        self._chains = Chains(overlap_ms=0, log=True)

    def serve(self, request: Request) -> Response:
        after = int(request.query.get("cursor", -1))
        whole = self._model.log
        gone = max(0, len(whole) - self._kept)
        if "cursor" in request.query and after + 1 < gone:
            return answered([], 410)
        first = max(after + 1, gone)
        return answered([[number, row(whole[number])] for number in range(first, len(whole))][:3])

    def step(self, cursor: str | None, now_ms: int) -> Generator[Request, Response, Page]:
        at = self._chains.begin(cursor, now_ms, 0, _none)
        answer = yield Request("GET", "/events", {"cursor": at.cursor} if at.cursor else {})
        if answer.status == 410:
            return Page((), self._chains.expired(at).encoded(), more=True)
        rows: Any = answer.json()
        following = str(rows[-1][0]) if rows else at.cursor
        more = len(rows) == 3
        times = [one["at_ms"] for _, one in rows]
        after = self._chains.after(at, following, more=more, times=times)
        records: Any = tuple((one["id"], one["version"]) for _, one in rows)
        return Page(records, after.encoded(), more)


@settings(max_examples=200, deadline=None)
@given(happening=events(0))
def test_a_log_brings_every_change_and_not_only_the_last_of_each_object(
    happening: list[Event],
) -> None:
    model = Model()
    log = Log(model, kept=100_000)
    run = Run(model, log.step, log.serve, iter(happening))
    exhausted(run, settle_ms=60_000)
    assert run.committed == [(one.id, one.number) for one in model.log]


@settings(max_examples=200, deadline=None)
@given(happening=events(0), kept=st.integers(4, 12))
def test_a_log_that_forgets_is_read_on_from_what_it_still_has(
    happening: list[Event], kept: int
) -> None:
    model = Model()
    log = Log(model, kept)
    run = Run(model, log.step, log.serve, iter(happening))
    exhausted(run, settle_ms=60_000)
    kept_at_the_end = {(one.id, one.number) for one in model.log[-kept:]}
    assert kept_at_the_end <= set(run.committed)
