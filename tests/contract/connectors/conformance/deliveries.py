"""What may befall a command on its way: repeated, cut off, slow, in flight while the sink stops or dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import replace

import msgspec

from connectors.kit.connector import Misconfigured, Request, Response
from connectors.kit.http.calls import Caller, Refused
from connectors.kit.http.client import HttpClient
from gridwire.dead_letters import OUTCOME_UNKNOWN
from gridwire.topics import DEAD_LETTER_SINKS
from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.certificate import nobodys_server
from tests.contract.connectors.conformance.stage import Command, Stage
from tests.roles import Topics
from tests.waiting import until

SLOW_S = 1.0
HELD_S = 20.0
LANES, PER_LANE = 4, 3
TIGHT_CALLS, TIGHT_WINDOW_S = 5, 1.0
POISON = b"\x00\x00\x00\x00\x00nonsense"


def safety(stage: Stage, command: Command) -> str:
    """How the operation of a command is made safe to repeat."""
    name = command.write.operation
    return stage.sink.operations[name].safety_of(getattr(command.record, name))


def each_write(stage: Stage) -> list[Command]:
    return [stage.command(write) for write in stage.value.writes]


# ---- well ----------------------------------------------------------------------------------------
def every_operation(stage: Stage) -> None:
    commands = each_write(stage)
    stage.carry_out(*commands)
    stage.delivered(*commands)
    for one in commands:
        (receipt,) = stage.receipts(one)
        told = (receipt.platform, receipt.operation, receipt.lane, receipt.trace_id)
        record = one.record
        assert told == (stage.value.name, record.operation, record.lane, record.trace_id)
        assert (receipt.causation_id, receipt.flow) == (record.event_id, record.flow)
        assert receipt.attempts >= 1


def same_command_twice(stage: Stage) -> None:
    """Whoever writes a command again, under its own id, makes no second effect."""
    commands = each_write(stage)
    stage.carry_out(*commands)
    behind = [stage.command(one.write, lane=one.record.lane) for one in commands]
    stage.give(*commands, *behind)
    until(lambda: _known(stage, behind), "what was written behind them has receipts")
    repeats = [one for one in commands if safety(stage, one) != "unsafe"]
    assert [stage.times(one) for one in repeats] == [1] * len(repeats)
    assert stage.letters() == []


def _known(stage: Stage, commands: list[Command]) -> bool:
    stage.tail.look()
    return all(stage.receipts(one) for one in commands)


def order_of_a_lane(stage: Stage) -> None:
    """While the first of a lane is tried again, the next of that lane wait, and other lanes go on."""
    write = stage.value.writes[0]
    commands = [
        stage.command(write, lane=f"lane-{lane}") for _ in range(PER_LANE) for lane in range(LANES)
    ]
    stage.fault(write.target, "status", status=503, count=3)
    stage.carry_out(*commands)
    stage.delivered(*commands)
    done = {one.command_id: n for n, one in enumerate(stage.tail.records(stage.sink.receipts))}
    for lane in range(LANES):
        places = [done[one.id] for one in commands if one.record.lane == f"lane-{lane}"]
        assert places == sorted(places)


def tight_budget(stage: Stage) -> None:
    """Where the platform allows little, the sink keeps to it: all is delivered, with hardly a 429."""
    write = stage.value.writes[0]
    first = stage.command(write)
    stage.carry_out(first)
    commands = [stage.command(write) for _ in range(2 * TIGHT_CALLS)]
    stage.value.throttle.tighten(stage.world, TIGHT_CALLS, TIGHT_WINDOW_S)
    stage.carry_out(*commands)
    stage.delivered(*commands)
    refused = [one for one in stage.calls(write.target) if one["status"] == 429]
    assert len(refused) <= TIGHT_CALLS


# ---- unreadable ----------------------------------------------------------------------------------
def poison(stage: Stage) -> None:
    """Bytes that are no command become a dead letter with those bytes; their neighbours are carried out."""
    before, behind = (stage.command(stage.value.writes[0], lane="poisoned") for _ in range(2))
    stage.give(before)
    stage.put(POISON, "poisoned")
    stage.give(behind)
    stage.settled(before, behind)
    assert (stage.outcome(before), stage.outcome(behind)) == ("delivered", "delivered")
    (letter,) = stage.letters()
    assert (letter.key, letter.value) == (b"poisoned", POISON)
    assert letter.reason


def unknown_operation(stage: Stage) -> None:
    known = stage.command(stage.value.writes[0])
    strange = replace(known, record=msgspec.structs.replace(known.record, operation="fly"))
    _rejected(stage, strange)


def without_operation(stage: Stage) -> None:
    known = stage.command(stage.value.writes[0])
    empty = msgspec.structs.replace(known.record, **{known.write.operation: None})
    _rejected(stage, replace(known, record=empty))


def _rejected(stage: Stage, command: Command) -> None:
    behind = stage.command(command.write, lane=command.record.lane)
    stage.carry_out(command, behind)
    assert (stage.outcome(command), stage.outcome(behind)) == ("rejected", "delivered")
    assert len(stage.letters()) == 1
    assert len(stage.calls(command.write.target)) == 1, "only the neighbour was sent"


# ---- no answer -----------------------------------------------------------------------------------
def _cut_off(stage: Stage, action: str, times: int, **more: object) -> None:
    """Each operation's first request ends so. `times`: the effect that it had."""
    for write in stage.value.writes:
        command = stage.command(write)
        stage.fault(write.target, action, **more)
        stage.give(command)
        stage.settled(command)
        if safety(stage, command) != "unsafe":
            assert (stage.outcome(command), stage.times(command)) == ("delivered", 1), (
                write.operation
            )
            continue
        (receipt,) = stage.receipts(command)
        assert (receipt.outcome, stage.times(command)) == ("unknown", times), write.operation
        assert (receipt.reason or "").startswith(OUTCOME_UNKNOWN)


def timeout_after_accept(stage: Stage) -> None:
    _cut_off(stage, "timeout_after_accept", 1, delay_s=0.1)


def connection_reset(stage: Stage) -> None:
    _cut_off(stage, "reset", 0)


def endless_answer(stage: Stage) -> None:
    """An answer without end is cut off at a bound; the effect was there before it."""
    _cut_off(stage, "endless", 1)


def slow_answer(stage: Stage) -> None:
    """A slow answer is waited for: nothing is sent twice."""
    write = stage.value.writes[0]
    command = stage.command(write)
    stage.fault(write.target, "slow", delay_s=SLOW_S)
    stage.carry_out(command)
    stage.delivered(command)
    assert len(stage.calls(write.target)) == 1


def half_an_answer(stage: Stage) -> None:
    """A success whose JSON breaks off: the effect is there once, and the command ends in one receipt."""
    for write in stage.value.writes:
        command = stage.command(write)
        stage.fault(write.target, "malformed")
        stage.carry_out(command)
        assert stage.outcome(command) == "delivered", stage.reason(command)
        assert stage.times(command) == 1, write.operation


def success_without_a_body(stage: Stage) -> None:
    """A 200 without a body is not understood or is enough; either way the command ends in one receipt."""
    write = stage.value.writes[0]
    command = stage.command(write)
    stage.fault(write.target, "status", status=200)
    stage.carry_out(command)
    assert stage.outcome(command) == "delivered"


# ---- the sink goes -------------------------------------------------------------------------------
def shutdown_in_flight(stage: Stage) -> None:
    """Asked to stop, the sink finishes what is in flight, writes its receipt, and sends nothing twice."""
    write = stage.value.writes[0]
    command = stage.command(write)
    stage.fault(write.target, "slow", delay_s=SLOW_S)
    stage.give(command)
    until(lambda: stage.hits() == 1, "the request is in flight")
    stage.roles["sinks"].stop()
    stage.settled(command)
    stage.restart("sinks")
    behind = stage.command(write, lane=command.record.lane)
    stage.carry_out(behind)
    stage.delivered(command, behind)
    assert len(stage.calls(write.target)) == 2


def killed_in_flight(stage: Stage) -> None:
    """Killed between effect and answer: what is safe to repeat has one effect, what is not is not repeated."""
    lines = {one.line or f"{one.operation} {one.target.path}": one for one in stage.value.writes}
    commands = [stage.command(write) for write in lines.values()]
    for one in commands:
        stage.fault(one.write.target, "timeout_after_accept", delay_s=HELD_S)
    stage.give(*commands)
    until(lambda: stage.hits() == len(commands), "every request is in flight")
    stage.roles["sinks"].kill()
    stage.restart("sinks")
    stage.settled(*commands)
    for one in commands:
        unsafe = safety(stage, one) == "unsafe"
        expected = "unknown" if unsafe else "delivered"
        assert (stage.outcome(one), stage.times(one)) == (expected, 1), one.write.operation


def registry_away(stage: Stage) -> None:
    """A sink that starts without a schema registry waits for it: nothing is given up, nothing is sent."""
    stage.roles["sinks"].stop()
    command = stage.command(stage.value.writes[0])
    stage.give(command)
    stage.ground.registry.stop()
    stage.roles["sinks"].start()
    try:
        until(lambda: _waits_for_the_registry(stage), "the command waits for the registry")
    finally:
        stage.ground.registry.restart()
    stage.settled(command)
    stage.delivered(command)
    assert len(stage.calls(command.write.target)) == 1


def _waits_for_the_registry(stage: Stage) -> bool:
    return "command waits" in stage.roles["sinks"].said()


def kafka_away(stage: Stage) -> None:
    """While Kafka is away nothing is lost, and what was in flight is not sent twice when it is back."""
    write = stage.value.writes[0]
    command = stage.command(write)
    stage.fault(write.target, "slow", delay_s=SLOW_S)
    stage.give(command)
    until(lambda: stage.hits() == 1, "the request is in flight")
    with stage.kafka_away():
        stage.called(write.target)
    behind = stage.command(write, lane=command.record.lane)
    stage.give(behind)
    stage.settled(command, behind)
    stage.delivered(command, behind)
    assert len(stage.calls(write.target)) == 2


# ---- TLS, secrets --------------------------------------------------------------------------------
def nobodys_certificate(stage: Stage) -> None:
    """A server whose certificate nobody vouches for is sent nothing: a wrong set-up, and no outage."""
    outcome, heard = asyncio.run(_ask_nobody(stage))
    assert isinstance(outcome, Refused)
    assert isinstance(outcome.verdict, Misconfigured)
    assert heard == b""


async def _ask_nobody(stage: Stage) -> tuple[object, bytes]:
    """What comes of a call of this connector's own platform at such a server, and what that heard."""
    async with nobodys_server(stage.ground.folder) as server:
        platform = replace(stage.sink.platform, base_url=server.url)
        client = HttpClient(server.url, platform.headers, connections=1)
        try:
            return await Caller(platform, client).run(_one_call()), server.heard
        finally:
            await client.close()


def _one_call() -> Generator[Request, Response, None]:
    yield Request("GET", "/")


def secrets_nowhere(stage: Stage) -> None:
    """After all that befell the sink, no secret stands in its logs, its metrics, a receipt or a dead letter."""
    command = stage.command(stage.value.writes[0])
    stage.carry_out(command)
    written = Topics(stage.settings)
    try:
        messages = [
            one
            for name in (stage.sink.receipts.name, DEAD_LETTER_SINKS.name)
            for one in written.messages(name)
        ]
    finally:
        written.close()
    texts = [repr((one.key(), one.value(), one.headers())) for one in messages]
    assert texts
    texts += [stage.roles["sinks"].everything(), stage.metrics("sinks"), stage.problems("sinks")]
    for secret in stage.value.secrets:
        assert [text[:200] for text in texts if secret in text] == []


SCENES: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("every operation has one effect and one receipt", every_operation),
    ("the same command twice has one effect", same_command_twice),
    ("the order of a lane is kept while its first is tried again", order_of_a_lane),
    ("a tight budget is kept to", tight_budget),
    ("poison becomes a dead letter and its neighbours are carried out", poison),
    ("an unknown operation is rejected and nothing is sent", unknown_operation),
    ("a command without its operation is rejected and nothing is sent", without_operation),
    ("a timeout after accept has one effect", timeout_after_accept),
    ("a connection that is reset has one effect or an unknown outcome", connection_reset),
    ("an endless answer is cut off and has one effect", endless_answer),
    ("a slow answer is waited for", slow_answer),
    ("half an answer ends in one receipt", half_an_answer),
    ("a success without a body ends in one receipt", success_without_a_body),
    ("a shutdown in flight finishes what is in flight", shutdown_in_flight),
    ("killed in flight what is safe to repeat has one effect", killed_in_flight),
    ("a schema registry that is away is waited for", registry_away),
    ("a Kafka that is away is waited for", kafka_away),
    ("a certificate that nobody vouches for is refused", nobodys_certificate),
    ("no secret is in logs, metrics, receipts and dead letters of the sink", secrets_nowhere),
)
CASES = tuple(Case("deliveries", name, run) for name, run in SCENES)
