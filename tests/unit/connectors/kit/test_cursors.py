"""Cursor kinds by hand: what is asked next, which checkpoints are read, where reading ends with an error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.kit.connector import MalformedError, Request
from connectors.kit.cursors import (
    DRIFTS_MAX,
    FORMAT,
    RESTARTS_MAX,
    Ask,
    Chain,
    Chains,
    Mark,
    Span,
    Spans,
    Steps,
    Sweep,
    sweep,
)
from tests.unit.connectors.kit.listings import answered
from tests.unit.connectors.steps import Played, play

NOW_MS = 1_760_000_000_000
Row = tuple[str, int]
SFCC = Spans(limit=200, cap=10_000, stride=10_000, overlap_ms=300_000, lag_ms=60_000)
SMALL = Spans(limit=3, cap=6, stride=6, overlap_ms=10, lag_ms=5)


def earlier(decoded: Any) -> Span:
    class Old(msgspec.Struct):
        from_ms: int

    at = msgspec.convert(decoded, Old).from_ms
    return Span(since_ms=at, until_ms=NOW_MS)


def paged(spans: Spans, at: Span, *pages: list[Row]) -> Played[tuple[list[Any], Span]]:
    """One page of a list of (id, time)."""

    def ask(asked: Ask) -> Steps[list[Any]]:
        query = {"offset": str(asked.offset), "limit": str(asked.limit)}
        rows: list[Any] = (yield Request("GET", "/rows", query)).json()
        return rows

    def mark(row: Any) -> Mark:
        return Mark(row[0], row[1])

    return play(spans.page(at, ask, mark), *(answered([list(r) for r in rows]) for rows in pages))


def rows(first: int, last: int, at_ms: int | None = None) -> list[Row]:
    return [(f"o{number}", number if at_ms is None else at_ms) for number in range(first, last + 1)]


# ---- spans ---------------------------------------------------------------------------------------
def test_a_span_ends_before_now_and_the_next_looks_back_behind_its_end() -> None:
    first = SFCC.begin(None, NOW_MS, NOW_MS - 86_400_000, earlier)
    assert (first.since_ms, first.until_ms) == (NOW_MS - 86_400_000, NOW_MS - 60_000)
    _, after = paged(SFCC, first, []).value
    assert after.done
    following = SFCC.begin(after.encoded(), NOW_MS + 1_000_000, 0, earlier)
    assert following.since_ms == first.until_ms - 300_000
    assert following.until_ms == NOW_MS + 1_000_000 - 60_000


def test_a_clock_that_is_set_back_does_not_make_a_span_end_before_it_begins() -> None:
    done = Span(since_ms=0, until_ms=NOW_MS, done=True)
    at = SFCC.begin(done.encoded(), NOW_MS - 3_600_000, 0, earlier)
    assert (at.since_ms, at.until_ms) == (NOW_MS - 300_000, NOW_MS)


def test_pages_overlap_by_one_row_which_is_not_read_twice() -> None:
    wide, at = replace(SMALL, cap=60), Span(since_ms=0, until_ms=100)
    first, at = paged(wide, at, rows(1, 3)).value
    played = paged(wide, at, rows(3, 5))
    assert played.requests[0].query == {"offset": "2", "limit": "3"}
    second, at = played.value
    assert [row[0] for row in [*first, *second]] == ["o1", "o2", "o3", "o4", "o5"]
    last, at = paged(wide, at, rows(5, 6)).value
    assert ([row[0] for row in last], at.done) == (["o6"], True)


def test_at_the_cap_the_span_is_split_at_the_time_reached() -> None:
    at = Span(since_ms=0, until_ms=100, rows=5, last="o5", reached_ms=5)
    played = paged(SMALL, at, rows(5, 6))
    assert played.requests[0].query == {"offset": "4", "limit": "2"}  # never beyond the cap
    _, at = played.value
    assert (at.since_ms, at.until_ms, at.rows, at.done) == (6, 100, 0, False)


def test_more_than_the_cap_at_one_time_is_an_error_that_says_so() -> None:
    at = Span(since_ms=7, until_ms=100, rows=5, last="o5", reached_ms=7)
    with pytest.raises(MalformedError, match="6 objects or more changed within 1 ms"):
        paged(SMALL, at, rows(5, 6, at_ms=7))


def test_pages_that_shift_send_the_poll_back_to_the_time_reached() -> None:
    at = Span(since_ms=0, until_ms=100, rows=3, last="o3", reached_ms=3)
    found, after = paged(SMALL, at, rows(4, 6)).value
    assert found == []
    assert (after.since_ms, after.rows, after.drifts) == (3, 0, 0)
    gone, after = paged(SMALL, at, []).value  # so much has left that there is no such page any more
    assert (gone, after.since_ms, after.done) == ([], 3, False)


def test_pages_that_shift_for_ever_are_an_error() -> None:
    at = Span(since_ms=3, until_ms=100, rows=3, last="o3", reached_ms=3, drifts=DRIFTS_MAX)
    with pytest.raises(MalformedError, match="shifted"):
        paged(SMALL, at, rows(4, 6))
    _, after = paged(SMALL, msgspec.structs.replace(at, drifts=1), rows(4, 6)).value
    assert (after.since_ms, after.drifts) == (3, 2)


def test_a_time_behind_the_spans_end_does_not_carry_the_poll_past_the_rest() -> None:
    at = Span(since_ms=0, until_ms=50, rows=5, last="o5", reached_ms=5)
    _, after = paged(SMALL, at, [("o5", 5), ("o6", 99_999)]).value
    assert after.since_ms == 5


# ---- sweeps --------------------------------------------------------------------------------------
def test_a_sweep_goes_page_by_page_and_begins_anew_at_its_end() -> None:
    at = sweep(None)
    pages = [at.page]
    for more in (True, True, False):
        at = sweep(at.after(more=more).encoded())
        pages.append(at.page)
    assert pages == [1, 2, 3, 1]


# ---- chains --------------------------------------------------------------------------------------
CHAINS = Chains(overlap_ms=1_000)


def test_a_chain_that_took_long_begins_the_next_before_its_own_beginning() -> None:
    at = CHAINS.begin(None, NOW_MS, 0, earlier_chain)
    at = CHAINS.after(at, "c1", more=True, times=[NOW_MS - 10_000])
    at = CHAINS.begin(at.encoded(), NOW_MS + 60_000, 0, earlier_chain)
    at = CHAINS.after(at, None, more=False, times=[NOW_MS + 60_000])
    # What was listed late behind the first page, while the last was read, is still to come.
    assert at.since_ms == NOW_MS - 1_000


def test_a_wrong_date_in_the_future_does_not_make_a_chain_pass_over_what_comes() -> None:
    at = CHAINS.begin(None, NOW_MS, 0, earlier_chain)
    at = CHAINS.after(at, None, more=False, times=[NOW_MS * 100])
    assert at.since_ms == NOW_MS - 1_000


def test_a_cursor_that_has_expired_begins_at_the_latest_change_and_not_for_ever() -> None:
    at = Chain(since_ms=5, cursor="c9", begun_ms=NOW_MS, latest_ms=NOW_MS - 5_000)
    again = CHAINS.expired(at)
    assert (again.since_ms, again.cursor, again.restarts) == (NOW_MS - 6_000, None, 1)
    with pytest.raises(MalformedError, match="expires too soon"):
        CHAINS.expired(msgspec.structs.replace(at, restarts=RESTARTS_MAX))


def test_a_log_keeps_its_place_at_its_end() -> None:
    log = Chains(overlap_ms=0, log=True)
    at = log.after(Chain(since_ms=1, cursor="c1"), "c2", more=False, times=[])
    assert at.cursor == "c2"
    at = log.after(at, None, more=False, times=[])  # some say no cursor where there is nothing
    assert at.cursor == "c2"


@pytest.mark.parametrize("following", [None, "c1"])
def test_a_page_that_leads_nowhere_is_an_error(following: str | None) -> None:
    with pytest.raises(MalformedError, match="cursor"):
        CHAINS.after(Chain(since_ms=1, cursor="c1"), following, more=True, times=[])


def earlier_chain(decoded: Any) -> Chain:
    raise AssertionError(decoded)


# ---- checkpoints ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "state",
    [
        Span(since_ms=1, until_ms=2, rows=3, last="x", reached_ms=1, drifts=4),
        Chain(since_ms=1, cursor="c", begun_ms=2, latest_ms=1, restarts=1),
        Sweep(page=3),
    ],
)
def test_a_checkpoint_says_its_kind_and_version_and_comes_back_as_it_was(state: Any) -> None:
    said = json.loads(state.encoded())
    assert (said["v"], said["kind"]) == (FORMAT, type(state).__name__.lower())
    assert msgspec.json.decode(state.encoded(), type=type(state)) == state


def test_a_checkpoint_without_a_version_is_read_as_it_once_was_written() -> None:
    assert SFCC.begin('{"from_ms": 17}', NOW_MS, 0, earlier).since_ms == 17


@pytest.mark.parametrize(
    "checkpoint",
    ["", "7", "[]", "{}", '{"from_ms": "x"}', Sweep().encoded(), '{"v":1,"kind":"span"}'],
)
def test_a_checkpoint_that_is_none_is_refused_with_the_fix(checkpoint: str) -> None:
    with pytest.raises(MalformedError, match="delete it"):
        SFCC.begin(checkpoint, NOW_MS, 0, earlier)


def test_a_checkpoint_of_a_newer_format_is_not_guessed_at() -> None:
    newer = Span(since_ms=1, until_ms=2, v=FORMAT + 1).encoded()
    with pytest.raises(MalformedError, match="newer"):
        SFCC.begin(newer, NOW_MS, 0, earlier)
