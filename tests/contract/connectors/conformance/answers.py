"""What the platform may answer to a command, as data: the answer, and what must become of the command."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.stage import Stage
from tests.contract.connectors.conformance.value import Outcome
from tests.waiting import until

WAIT_S = 1.0  # what platforms advise here
EARLY_S = 0.05  # by which clocks and rounding may differ
PAGE = "<html><body>Bad gateway: lamp-4711</body></html>"

Headers = Callable[[Stage, float], Mapping[str, str]]


def _none(_stage: Stage, _now_s: float) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that comes `count` times instead of the platform's own, and then no more.

    `outcome`: what becomes of the command, where the connector's value does not say otherwise. `advised`: the answer
    says when to come back, and the command must not be sent before.
    """

    name: str
    status: int
    outcome: Outcome
    headers: Headers = _none
    body: Any = None
    count: int = 1
    advised: bool = False

    def run(self, stage: Stage) -> None:
        write = stage.value.writes[0]
        headers = dict(self.headers(stage, time.time()))
        command = stage.command(write)
        outcome = stage.value.answers.get(self.status, self.outcome)
        count = 1_000 if outcome == "stopped" else self.count
        stage.fault(
            write.target, "status", status=self.status, headers=headers, body=self.body, count=count
        )
        stage.give(command)
        OUTCOMES[outcome](stage, command)
        if self.advised:
            first, second = stage.calls(write.target)[:2]
            assert second["at"] - first["at"] >= WAIT_S - EARLY_S


def _delivered(stage: Stage, command: Any) -> None:
    stage.settled(command)
    stage.delivered(command)


def _rejected(stage: Stage, command: Any) -> None:
    """One receipt, one dead letter with the original bytes; what comes behind it goes its way."""
    behind = stage.command(command.write, lane=command.record.lane)
    stage.give(behind)
    stage.settled(command, behind)
    assert (stage.outcome(command), stage.outcome(behind)) == ("rejected", "delivered")
    (letter,) = stage.letters()
    assert letter.value == stage.tail.codec.of(stage.sink.commands).encode(command.record)
    assert letter.headers["__connect.errors.topic"] == stage.sink.commands.name.encode()
    assert letter.reason
    assert stage.times(behind) == 1


def _stopped(stage: Stage, command: Any) -> None:
    """The sink says so and stops; nothing is given up; once it is mended, the command is delivered."""
    stage.stopped("sinks")
    stage.tail.to_end()
    assert stage.receipts(command) == []
    assert stage.letters() == []
    stage.heal()
    stage.restart("sinks")
    stage.settled(command)
    stage.delivered(command)


OUTCOMES: dict[Outcome, Callable[[Stage, Any], None]] = {
    "delivered": _delivered,
    "rejected": _rejected,
    "stopped": _stopped,
}


def _seconds(_stage: Stage, _now_s: float) -> Mapping[str, str]:
    return {"retry-after": f"{WAIT_S:g}"}


def _date(_stage: Stage, now_s: float) -> Mapping[str, str]:
    """A date has whole seconds: the next but one is more than WAIT_S away."""
    return {"retry-after": formatdate(int(now_s) + 2 + WAIT_S, usegmt=True)}


def _own(stage: Stage, now_s: float) -> Mapping[str, str]:
    return stage.value.throttle.headers(now_s, WAIT_S + 1)


def _nonsense(_stage: Stage, _now_s: float) -> Mapping[str, str]:
    return {"retry-after": "soon", "x-ratelimit-reset": "never", "ratelimit-reset": "-1"}


ANSWERS: tuple[Answer, ...] = (
    Answer("a 400 is rejected and its neighbour delivered", 400, "rejected"),
    Answer("a 401 stops the sink and loses nothing", 401, "stopped"),
    Answer("a 403 stops the sink and loses nothing", 403, "stopped"),
    Answer("a 404 is judged as the platform means it", 404, "rejected"),
    Answer("a 409 is judged as the platform means it", 409, "rejected"),
    Answer("a 413 is rejected", 413, "rejected"),
    Answer("a 422 is rejected", 422, "rejected"),
    Answer("a 429 that advises seconds is waited for", 429, "delivered", _seconds, advised=True),
    Answer("a 429 that advises a date is waited for", 429, "delivered", _date, advised=True),
    Answer(
        "a 429 with the platform's own headers is waited for", 429, "delivered", _own, advised=True
    ),
    Answer("a 429 without advice is tried again", 429, "delivered", count=2),
    Answer("a 429 with advice that is nonsense is tried again", 429, "delivered", _nonsense),
    Answer("a 500 is tried again", 500, "delivered", count=2),
    Answer("a 502 with a page of HTML is tried again", 502, "delivered", body=PAGE),
    Answer("a 503 that advises seconds is waited for", 503, "delivered", _seconds, advised=True),
    Answer("a 504 is tried again", 504, "delivered"),
    Answer("a status that nobody knows is tried again", 599, "delivered"),
    Answer("a 408 is tried again", 408, "delivered"),
)


def redirect_to_another_host(stage: Stage) -> None:
    """Nothing of ours, credentials least of all, goes where a redirect points."""
    write = stage.value.writes[0]
    command = stage.command(write)
    headers = {"location": f"{stage.receiver.url}/elsewhere"}
    stage.fault(write.target, "status", status=307, headers=headers, count=1_000)
    stage.give(command)
    _stopped(stage, command)
    assert stage.receiver.received == []


def given_up(stage: Stage) -> None:
    """A command that alone fails for ever ends, after bounded attempts, as a dead letter; others are delivered."""
    write = stage.value.writes[0]
    command = stage.command(write)
    stage.fault(write.target, "status", status=500, count=1_000)
    stage.give(command)
    stage.settled(command)
    assert stage.outcome(command) == "expired"
    assert len(stage.letters()) == 1
    stage.heal()
    behind = stage.command(write, lane=command.record.lane)
    stage.carry_out(behind)
    assert stage.outcome(behind) == "delivered"


def half_failed(stage: Stage) -> None:
    """A success that says that a part failed is not taken for a success."""
    half = stage.value.half_failed
    assert half is not None, "declare how this platform says so, or why it cannot"
    write = stage.write(half.operation)
    command = stage.command(write)
    body = half.body(stage.world, command.n)
    stage.fault(write.target, "status", status=half.status, body=body)
    stage.give(command)
    OUTCOMES[half.outcome](stage, command)


def own_object_missing(stage: Stage) -> None:
    """A command about something that is not there: refused at once, or waited for if it is still to come."""
    missing = stage.value.missing
    write = stage.write(missing.operation)
    n = stage.number()
    command = stage.command_of(n, write, missing.body(stage.world, n), f"lane-{n}")
    before = len(stage.world.calls(stage.value.name, "", ""))
    stage.give(command)
    if missing.appear is not None:
        until(
            lambda: len(stage.world.calls(stage.value.name, "", "")) > before,
            "the sink has looked for it",
        )
        missing.appear(stage.world, n)
    stage.settled(command)
    assert stage.outcome(command) == missing.outcome
    assert len(stage.letters()) == (missing.outcome == "rejected")


def expired_token(stage: Stage) -> None:
    """A token that has ended is renewed, once, and the command is delivered."""
    token = stage.value.token
    assert token is not None, "declare how tokens end, or why they do not"
    first = stage.command(stage.value.writes[0])
    stage.carry_out(first)
    renewed = len(stage.calls(token.target))
    token.end(stage.world)
    second = stage.command(stage.value.writes[0])
    stage.carry_out(second)
    stage.delivered(first, second)
    assert len(stage.calls(token.target)) == renewed + 1


def token_endpoint_down(stage: Stage) -> None:
    """Without a token nothing is sent and nothing is lost: the command waits for the endpoint."""
    token = stage.value.token
    assert token is not None, "declare how tokens end, or why they do not"
    stage.fault(token.target, "status", status=503, count=2)
    token.end(stage.world)
    command = stage.command(stage.value.writes[0])
    stage.carry_out(command)
    stage.delivered(command)
    assert [one["status"] for one in stage.calls(token.target)] == [503, 503, 200]


def token_refused(stage: Stage) -> None:
    """Client credentials that are refused stop the sink like a 401."""
    token = stage.value.token
    assert token is not None, "declare how tokens end, or why they do not"
    body = {"error": "invalid_client"}
    stage.fault(token.target, "status", status=401, body=body, count=1_000)
    token.end(stage.world)
    command = stage.command(stage.value.writes[0])
    stage.give(command)
    _stopped(stage, command)


OTHERS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("a redirect to another host is not followed", redirect_to_another_host),
    ("what fails for ever is given up after bounded attempts", given_up),
    ("a half-failed batch is not taken for a success", half_failed),
    ("a command about what is not there ends as declared", own_object_missing),
    ("an expired token is renewed once", expired_token),
    ("a token endpoint that is down is waited for", token_endpoint_down),
    ("a token endpoint that refuses us stops the sink", token_refused),
)
CASES = (
    *(Case("answers", one.name, one.run) for one in ANSWERS),
    *(Case("answers", name, run) for name, run in OTHERS),
)
