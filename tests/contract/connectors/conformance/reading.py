"""What may befall a fetch that completes a webhook, and a poll."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.gateway import Post, made, sent
from tests.contract.connectors.conformance.stage import FETCH_ATTEMPTS, SETTLED_S, Stage
from tests.contract.connectors.conformance.tail import Letter
from tests.contract.connectors.conformance.value import Polled, Read
from tests.waiting import until

AGO_S = 20.0  # polls leave the last seconds for later
SKEW_S = 30.0  # less than any poll looks back
FOR_EVER = 1_000


def read_of(stage: Stage) -> Read:
    assert stage.value.read is not None, "declare what is fetched, or why nothing is"
    return stage.value.read


def poll_of(stage: Stage) -> Polled:
    poll = read_of(stage).poll
    assert poll is not None, "declare what is polled, or why nothing is"
    return poll


def records(stage: Stage, n: int) -> list[Any]:
    read = read_of(stage)
    return [one for one in stage.tail.records(read.topic) if read.about(one, n)]


def come(stage: Stage, *numbers: int) -> None:
    """Waits until there is a record of each number."""

    def all_there() -> bool:
        stage.tail.look()
        return all(records(stage, n) for n in numbers)

    until(all_there, f"there are records of {numbers}", SETTLED_S)


def posted(stage: Stage) -> Post:
    """A delivery that is taken; its object is in the simulator."""
    post = made(stage)
    assert sent(stage, post).status_code == 200
    return post


def letters(stage: Stage, post: Post) -> list[Letter]:
    """The dead letters of a delivery's notice."""
    stage.tail.look()
    return stage.notice_letters(lambda notice: post.hook.about(notice, post.n))


# ---- fetches -------------------------------------------------------------------------------------
def fetched(stage: Stage) -> None:
    post = posted(stage)
    come(stage, post.n)
    record = records(stage, post.n)[0]
    assert record.event_id
    assert record.trace_id
    assert letters(stage, post) == []


def answered_first(status: int, count: int = 1) -> Callable[[Stage], None]:
    """A fetch that is answered so at first is tried again; a neighbour is fetched meanwhile."""

    def run(stage: Stage) -> None:
        post = made(stage)
        headers = stage.value.throttle.headers(time.time(), 1.0) if status == 429 else {}
        target = read_of(stage).fetch(post.n)
        stage.fault(target, "status", status=status, headers=headers, count=count)
        assert sent(stage, post).status_code == 200
        neighbour = posted(stage)
        come(stage, neighbour.n, post.n)
        assert stage.hits() == count
        assert letters(stage, post) == []

    return run


def never_there(stage: Stage) -> None:
    """An object that never comes ends as a dead letter, after bounded attempts; neighbours are fetched."""
    post = made(stage)
    target = read_of(stage).fetch(post.n)
    stage.fault(target, "status", status=404, count=FOR_EVER)
    assert sent(stage, post).status_code == 200
    neighbour = posted(stage)
    come(stage, neighbour.n)
    until(lambda: letters(stage, post) != [], "there is a dead letter", SETTLED_S)
    assert stage.hits() == FETCH_ATTEMPTS
    assert len(letters(stage, post)) == 1


def unreadable_object(stage: Stage) -> None:
    """An object that is not what the platform promises is a dead letter; neighbours are fetched."""
    post = made(stage)
    target = read_of(stage).fetch(post.n)
    stage.fault(target, "status", status=200, body={"data": "nothing of the kind"}, count=FOR_EVER)
    assert sent(stage, post).status_code == 200
    neighbour = posted(stage)
    come(stage, neighbour.n)
    until(lambda: letters(stage, post) != [], "there is a dead letter", SETTLED_S)
    assert len(letters(stage, post)) == 1


def cut_off(stage: Stage) -> None:
    """A fetch whose answer is cut off, or breaks off, is made again."""
    post = made(stage)
    target = read_of(stage).fetch(post.n)
    stage.fault(target, "reset")
    assert sent(stage, post).status_code == 200
    come(stage, post.n)
    assert letters(stage, post) == []


def credentials_refused(stage: Stage) -> None:
    """Refused credentials stop the fetches and lose nothing: once they are mended, all is fetched."""
    post = made(stage)
    target = read_of(stage).fetch(post.n)
    stage.fault(target, "status", status=401, count=FOR_EVER)
    assert sent(stage, post).status_code == 200
    stage.stopped("sources")
    stage.heal()
    stage.restart("sources")
    come(stage, post.n)
    assert letters(stage, post) == []


def killed_before_fetch(stage: Stage) -> None:
    """Killed while a fetch is under way: it is made again, and its record has the id that it would have had."""
    post = made(stage)
    target = read_of(stage).fetch(post.n)
    stage.fault(target, "slow", delay_s=20.0)
    assert sent(stage, post).status_code == 200
    until(lambda: stage.hits() == 1, "the fetch is under way", SETTLED_S)
    stage.roles["sources"].kill()
    stage.restart("sources")
    come(stage, post.n)
    assert len({one.event_id for one in records(stage, post.n)}) == 1


# ---- polls ---------------------------------------------------------------------------------------
def _changed(stage: Stage, count: int = 1, ago_s: float = AGO_S) -> list[int]:
    """Objects that changed a little while ago, and of which no webhook tells."""
    numbers = [stage.number() for _ in range(count)]
    poll_of(stage).stamp(stage.world, numbers, time.time() - ago_s)
    return numbers


def polled(stage: Stage) -> None:
    (n,) = _changed(stage)
    come(stage, n)
    assert stage.source_letters() == []


def several_pages(stage: Stage) -> None:
    """More changes than a page holds, several of them in one instant: none is missed."""
    numbers = _changed(stage, poll_of(stage).page + 3)
    come(stage, *numbers)


def nothing_new(stage: Stage) -> None:
    """Empty pages end a poll, and the next one finds what comes later."""
    target = poll_of(stage).target
    stage.called(target, 2)
    stage.tail.to_end()
    assert stage.tail.records(read_of(stage).topic) == []
    polled(stage)


def one_event_id(stage: Stage) -> None:
    """A webhook and a poll of one version are one event."""
    post = posted(stage)
    come(stage, post.n)
    first = records(stage, post.n)[0]
    before = len(records(stage, post.n))

    def again() -> bool:
        stage.tail.look()
        return len(records(stage, post.n)) > before

    until(again, "the poll has found it, too", SETTLED_S)
    assert {one.event_id for one in records(stage, post.n)} == {first.event_id}


def poll_answered_first(status: int) -> Callable[[Stage], None]:
    """A poll that is answered so goes on where it was."""

    def run(stage: Stage) -> None:
        headers = stage.value.throttle.headers(time.time(), 1.0) if status == 429 else {}
        stage.fault(poll_of(stage).target, "status", status=status, headers=headers)
        until(lambda: stage.hits() == 1, "the poll was answered so", SETTLED_S)
        polled(stage)

    return run


def broken_row(stage: Stage) -> None:
    """A row that cannot be read is a dead letter; the poll goes on."""
    stage.fault(poll_of(stage).target, "status", status=200, body=poll_of(stage).broken)

    def found() -> bool:
        stage.tail.look()
        return stage.source_letters() != []

    until(found, "there is a dead letter", SETTLED_S)
    polled_after = _changed(stage)
    come(stage, *polled_after)
    assert {one.reason for one in stage.source_letters()} == {"object cannot be read"}


def page_not_promised(stage: Stage) -> None:
    """A page that is none stops the poll, which says so, and loses nothing."""
    stage.fault(poll_of(stage).target, "status", status=200, body="no page at all", count=FOR_EVER)
    _stops_and_goes_on(stage)


def page_loop(stage: Stage) -> None:
    """Pages that lead back to themselves are noticed: a bounded number of calls, and the poll says so."""
    assert poll_of(stage).loop is not None, "declare such a page, or why there is none"
    stage.fault(
        poll_of(stage).target, "status", status=200, body=poll_of(stage).loop, count=FOR_EVER
    )
    _stops_and_goes_on(stage)
    assert stage.hits() == 0


def _stops_and_goes_on(stage: Stage) -> None:
    name = poll_of(stage).resource
    until(lambda: name in stage.problems("sources"), "the poll says what is wrong", SETTLED_S)
    calls = stage.hits()
    assert calls <= 10
    stage.heal()
    (n,) = _changed(stage)
    stage.restart("sources")
    come(stage, n)
    assert stage.source_letters() == []


def killed_between_pages(stage: Stage) -> None:
    """Killed in the middle of a poll: no change is lost, and each has one event id."""
    numbers = _changed(stage, 3)
    come(stage, *numbers)
    stage.roles["sources"].kill()
    more = _changed(stage, 3)
    stage.restart("sources")
    come(stage, *more)
    for n in (*numbers, *more):
        assert len({one.event_id for one in records(stage, n)}) == 1


def skewed_clock(stage: Stage) -> None:
    """A change stamped by a clock that is behind ours is found."""
    target = poll_of(stage).target
    stage.called(target, len(stage.calls(target)) + 2)
    (n,) = _changed(stage, ago_s=AGO_S + SKEW_S)
    come(stage, n)


FETCHES: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("what a webhook tells of is fetched", fetched),
    ("a fetch that is answered 500 is made again", answered_first(500)),
    ("a fetch that is answered 429 is made again", answered_first(429)),
    ("a fetch of what is not there yet is made again", answered_first(404)),
    ("a fetch that is cut off is made again", cut_off),
    ("what never comes is a dead letter after bounded attempts", never_there),
    ("an object that cannot be read is a dead letter", unreadable_object),
    ("refused credentials stop the fetches and lose nothing", credentials_refused),
    ("a fetch during which we are killed is made again", killed_before_fetch),
)
POLLS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("a change that no webhook tells of is polled", polled),
    ("empty pages end a poll", nothing_new),
    ("several pages are read without a miss", several_pages),
    ("a webhook and a poll of one version are one event", one_event_id),
    ("a poll that is answered 500 goes on", poll_answered_first(500)),
    ("a poll that is answered 429 goes on", poll_answered_first(429)),
    ("a row that cannot be read is a dead letter", broken_row),
    ("a change stamped by a clock behind ours is found", skewed_clock),
    ("a poll during which we are killed loses nothing", killed_between_pages),
    ("a page that is none stops the poll and loses nothing", page_not_promised),
    ("a loop of pages is noticed", page_loop),
)
CASES = (
    *(Case("fetches", name, run) for name, run in FETCHES),
    *(Case("polls", name, run) for name, run in POLLS),
)
