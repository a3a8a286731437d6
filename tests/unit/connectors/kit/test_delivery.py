"""A sink's handler: every verdict's way to a receipt, a retry or a dead letter."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Message

from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Done,
    Operation,
    OperationError,
    Rejected,
    Request,
    Safety,
    Sink,
    Steps,
    Transient,
)
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller
from connectors.kit.http.client import NoAnswerError
from connectors.kit.lanes.work import Entry, IntentError, Later, Settled
from connectors.kit.output.messages import Messages
from connectors.kit.output.unreadable import IN_A_ROW_MAX
from connectors.kit.settings import UnsafeRepeats
from connectors.kit.sinks.delivery import Deliveries, Terms
from gridwire import dead_letters
from gridwire.records import BrazeCommand, BrazeProfile, Receipt, SetAttributes
from gridwire.replays import REPLAY_OF, Replay
from gridwire.topics import BRAZE_COMMANDS, BRAZE_PROFILES, BRAZE_RECEIPTS
from tests.unit.connectors.kit.clocks import EPOCH_S, FakeTime
from tests.unit.connectors.kit.platforms import Scripted, ScriptedHttp, answer, platform
from tests.unit.connectors.kit.records import FakeFeed, FreePermit, entry
from tests.unit.connectors.kit.registry import Avro

COMMAND = BrazeCommand(
    event_id="c-1",
    occurred_at=1,
    produced_at=int(EPOCH_S * 1_000) - 2_500,
    source="braze.case-notification/notify",
    trace_id="a" * 32,
    flow="braze.case-notification",
    lane="customer-7",
    operation="set_attributes",
    set_attributes=SetAttributes(customer_ref="customer-7", attributes={"status": "open"}),
)


def set_attributes(_command: Any, _body: Any) -> Steps:
    found = yield Request("POST", "/users/track", json={}, idempotent=False)
    return Done(object_id=found.json()["id"])


class World:
    """A sink's handler with everything around it."""

    def __init__(
        self,
        *answers: Scripted,
        steps: Callable[[Any, Any], Steps] = set_attributes,
        safety: Safety = "natural",
        unsafe_repeats: UnsafeRepeats = "at_most_once",
    ) -> None:
        self.time = FakeTime(chance=1.0)
        self.avro = Avro()
        self.http = ScriptedHttp(*answers)
        self.feed = FakeFeed()
        target = platform()
        sink = Sink(
            target,
            BRAZE_COMMANDS,
            BRAZE_RECEIPTS,
            {"set_attributes": Operation("set_attributes", safety, steps)},
        )
        breaker = BreakerPolicy(failures_max=4, open_s_first=1.0)
        self.caller = Caller(target, self.http, self.time.clock, breaker)
        policy = RetryPolicy(delay_s_first=1.0, delay_s_max=8.0, attempts_max=3, age_s_max=1_000.0)
        messages = Messages(self.avro.codec, self.time.clock)
        terms = Terms(policy, unsafe_repeats)
        self.deliveries = Deliveries(sink, self.caller, messages, terms, self.time.clock)
        self.deliveries.feed = self.feed

    def entry(self, command: BrazeCommand = COMMAND, *, intended: bool = False) -> Entry:
        value = self.avro.encoded(BRAZE_COMMANDS, command)
        return entry(1, command.lane, value=value, intended=intended)

    async def handle(self, one: Entry) -> Settled | Later:
        outcome = await self.deliveries.handle(one, [one], FreePermit())
        assert isinstance(outcome, Settled | Later)
        return outcome

    async def settled(self, one: Entry | None = None) -> Settled:
        outcome = await self.handle(one or self.entry())
        assert isinstance(outcome, Settled)
        return outcome

    async def later(self, one: Entry) -> Later:
        outcome = await self.handle(one)
        assert isinstance(outcome, Later)
        return outcome

    def receipt(self, settled: Settled) -> Receipt:
        found = [output for output in settled.outputs if output.topic == BRAZE_RECEIPTS.name]
        assert len(found) == 1
        receipt = self.avro.decoded(BRAZE_RECEIPTS.name, found[0].value)
        assert isinstance(receipt, Receipt)
        assert found[0].key == receipt.lane
        return receipt


def letters(settled: Settled) -> list[dict[str, bytes | None]]:
    return [
        dict(output.headers) for output in settled.outputs if output.topic == "dead-letter.sinks"
    ]


# ---- delivered ---------------------------------------------------------------------------------------------------
async def test_a_delivered_command_has_a_receipt_that_tells_everything() -> None:
    world = World(answer(201, {"id": "obj-9"}))
    settled = await world.settled()
    receipt = world.receipt(settled)
    assert (receipt.command_id, receipt.causation_id) == ("c-1", "c-1")
    assert (receipt.flow, receipt.operation) == ("braze.case-notification", "set_attributes")
    assert (receipt.outcome, receipt.object_id, receipt.reason) == ("delivered", "obj-9", None)
    assert (receipt.attempts, receipt.latency_ms) == (1, 2_500)
    assert (receipt.platform, receipt.lane) == ("acme", "customer-7")
    assert receipt.trace_id == COMMAND.trace_id
    assert letters(settled) == []


async def test_a_receipts_id_is_a_function_of_its_command() -> None:
    ids = set()
    for _ in range(2):
        world = World(answer(201, {"id": "x"}))
        ids.add(world.receipt(await world.settled()).event_id)
    assert len(ids) == 1


async def test_a_command_that_was_a_dead_letter_is_carried_out_and_has_a_receipt_of_its_own() -> (
    None
):
    world = World(answer(201, {"id": "x"}), answer(201, {"id": "x"}))
    first = world.receipt(await world.settled())
    again = world.receipt(await world.settled(replayed(world.entry())))
    assert again.outcome == "delivered"
    assert again.command_id == first.command_id
    assert again.event_id != first.event_id


async def test_what_an_operation_learnt_is_written_with_its_receipt() -> None:
    profile = BrazeProfile(customer_ref="customer-7", known=True, occurred_at=5)

    def refresh(_command: Any, _body: Any) -> Steps:
        yield Request("GET", "/users/export/ids")
        return Done(records=((BRAZE_PROFILES, profile),))

    world = World(answer(200), steps=refresh)
    settled = await world.settled()
    learnt = world.avro.decoded(BRAZE_PROFILES.name, settled.outputs[0].value)
    assert (learnt.customer_ref, learnt.causation_id) == ("customer-7", "c-1")
    assert learnt.event_id
    assert learnt.trace_id == COMMAND.trace_id
    assert world.receipt(settled).outcome == "delivered"


async def test_a_learnt_record_that_fits_no_topic_does_not_undo_the_delivery() -> None:
    broken = BrazeProfile(customer_ref=7, known=True)  # type: ignore[arg-type]

    def refresh(_command: Any, _body: Any) -> Steps:
        yield Request("GET", "/users/export/ids")
        return Done(records=((BRAZE_PROFILES, broken),))

    world = World(answer(200), steps=refresh)
    settled = await world.settled()
    assert world.receipt(settled).outcome == "delivered"
    assert len(letters(settled)) == 1


def replayed(one: Entry) -> Entry:
    """The same command as a dead letter that came back."""
    old = one.message
    headers = Replay("dead-letter.sinks/0/9").headers()
    message = Message(old.topic(), 0, 9, old.key(), old.value(), headers=[*headers])
    return replace(one, message=message, offset=9)


# ---- refused -----------------------------------------------------------------------------------------------------
async def test_a_rejected_command_becomes_a_dead_letter_with_its_original_bytes_and_a_receipt() -> (
    None
):
    world = World(answer(400))
    one = world.entry()
    settled = await world.settled(one)
    assert world.receipt(settled).outcome == "rejected"
    assert world.receipt(settled).reason == "refused: status 400"
    (headers,) = letters(settled)
    assert headers[dead_letters.TOPIC] == b"command.acme"
    assert headers[dead_letters.OFFSET] == b"1"
    assert headers[dead_letters.REASON] == b"refused"
    assert headers[dead_letters.FLOW] == b"braze.case-notification"
    assert headers[dead_letters.TRACE_ID] == COMMAND.trace_id.encode()
    (letter,) = [output for output in settled.outputs if output.topic == "dead-letter.sinks"]
    assert (letter.key, letter.value) == (b"customer-7", one.message.value())


async def test_a_command_that_is_refused_again_says_which_letter_it_was() -> None:
    world = World(answer(400))
    (headers,) = letters(await world.settled(replayed(world.entry())))
    assert headers[REPLAY_OF] == b"dead-letter.sinks/0/9"
    assert headers[dead_letters.STAGE] == b"TASK_PUT"


async def test_personal_data_of_a_command_is_in_no_header() -> None:
    settled = await World(answer(400)).settled()
    texts = b" ".join(value or b"" for headers in letters(settled) for value in headers.values())
    assert b"customer-7" not in texts


async def test_an_operations_own_verdict_counts() -> None:
    def own(_command: Any, _body: Any) -> Steps:
        yield Request("GET", "/x")
        raise OperationError(Rejected("thread is closed"))

    world = World(answer(200), steps=own)
    assert world.receipt(await world.settled()).reason == "thread is closed"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (BrazeCommand(flow="f", lane="l", operation="set_fire"), "unknown operation"),
        (
            BrazeCommand(flow="f", lane="l", operation="set_attributes"),
            "command without its operation",
        ),
    ],
)
async def test_a_command_that_makes_no_sense_is_rejected_without_any_request(
    command: BrazeCommand, reason: str
) -> None:
    world = World(answer(200))
    settled = await world.settled(world.entry(command))
    assert world.receipt(settled).reason == reason
    assert len(letters(settled)) == 1
    assert world.http.requests == []


async def test_an_unreadable_command_becomes_a_dead_letter_without_a_receipt() -> None:
    world = World(answer(200))
    settled = await world.settled(entry(4, value=b"\x07nonsense"))
    assert [output.topic for output in settled.outputs] == ["dead-letter.sinks"]
    (headers,) = letters(settled)
    assert headers[dead_letters.REASON] == b"wrong magic byte"
    assert headers[dead_letters.EXCEPTION_CLASS] == b"gridwire.codec.CodecError"


async def test_a_topic_of_unreadable_commands_is_not_drained_into_dead_letters() -> None:
    world = World(answer(200, {"id": "x"}))
    outcomes = [await world.handle(entry(n, value=b"\x07x")) for n in range(IN_A_ROW_MAX + 1)]
    assert [type(one) for one in outcomes] == [Settled] * IN_A_ROW_MAX + [Later]
    problems = [world.deliveries.problem]
    await world.settled()
    assert "SCHEMA_REGISTRY_URL" in (problems[0] or "")
    assert world.deliveries.problem is None


# ---- again -------------------------------------------------------------------------------------------------------
async def test_a_transient_failure_is_tried_again_with_growing_delays_then_expires() -> None:
    world = World(answer(500))
    one = world.entry()
    assert [await world.later(one), await world.later(one)] == [Later(1.0), Later(2.0)]
    settled = await world.settled(one)
    receipt = world.receipt(settled)
    assert (receipt.outcome, receipt.attempts) == ("expired", 3)
    assert receipt.reason == "given up: platform unavailable: status 500"
    assert len(letters(settled)) == 1


async def test_an_outage_expires_nothing_however_long_it_lasts() -> None:
    world = World(answer(500))
    entries = [world.entry() for _ in range(3)]
    for _ in range(20):
        for one in entries:
            await world.later(one)
            world.time.passed_s += 500
    assert not world.caller.breaker.closed


async def test_being_throttled_does_not_count_as_a_failure() -> None:
    world = World(*[answer(429, headers={"retry-after": "2"})] * 20, answer(201, {"id": "x"}))
    one = world.entry()
    for _ in range(20):
        later = await world.later(one)
        assert later.delay_s == pytest.approx(2.2)
    assert world.receipt(await world.settled(one)).attempts == 21


async def test_a_command_that_is_only_early_is_rejected_after_its_attempts() -> None:
    def early(_command: Any, _body: Any) -> Steps:
        yield Request("GET", "/threads")
        raise OperationError(Transient("thread is not open yet", after_s=1.0, early=True))

    world = World(answer(200), steps=early)
    one = world.entry()
    for _ in range(2):
        await world.later(one)
    assert world.receipt(await world.settled(one)).outcome == "rejected"
    assert world.caller.breaker.closed


async def test_a_misconfiguration_keeps_the_command_and_dead_letters_nothing() -> None:
    world = World(answer(403), answer(201, {"id": "x"}))
    one = world.entry()
    await world.later(one)
    stopped = [world.caller.breaker.stopped]
    assert world.receipt(await world.settled(one)).outcome == "delivered"
    stopped.append(world.caller.breaker.stopped)
    assert stopped == ["permission missing: status 403", None]
    assert sum(world.time.slept) > 0


async def test_a_fault_in_an_operation_ends_in_a_dead_letter_and_harms_no_neighbour() -> None:
    def faulty(_command: Any, _body: Any) -> Steps:
        raise ZeroDivisionError

    world = World(answer(200), steps=faulty)
    one = world.entry()
    for _ in range(2):
        await world.later(one)
    assert world.receipt(await world.settled(one)).outcome == "expired"


async def test_a_registry_that_is_away_keeps_the_command_waiting() -> None:
    world = World(answer(201, {"id": "x"}))
    one = world.entry()
    world.avro.registry.away = True
    await world.later(one)
    assert world.http.requests == []


# ---- unsafe operations -------------------------------------------------------------------------------------------
TIMEOUT = NoAnswerError(Transient("timeout"), sent=True)


async def test_an_unsafe_operation_is_sent_only_after_its_intent_is_committed() -> None:
    world = World(answer(201, {"id": "x"}), safety="unsafe")
    world.feed.intent_error = IntentError("not committed")
    one = world.entry()
    await world.later(one)
    assert world.http.requests == []
    world.feed.intent_error = None
    await world.settled(one)
    assert (world.feed.intents, len(world.http.requests)) == ([1, 1], 1)


async def test_safe_operations_commit_no_intent() -> None:
    world = World(answer(201, {"id": "x"}))
    await world.settled()
    assert world.feed.intents == []


async def test_an_unsafe_operation_without_an_answer_is_reported_and_not_repeated() -> None:
    world = World(TIMEOUT, safety="unsafe")
    settled = await world.settled()
    receipt = world.receipt(settled)
    assert (receipt.outcome, receipt.reason) == ("unknown", "outcome unknown: timeout")
    assert len(letters(settled)) == 1
    assert len(world.http.requests) == 1


async def test_an_unsafe_operation_that_was_not_sent_is_tried_again() -> None:
    world = World(NoAnswerError(Transient("cannot connect"), sent=False), safety="unsafe")
    assert isinstance(await world.handle(world.entry()), Later)


async def test_an_intent_without_outcome_after_a_restart_follows_the_configuration() -> None:
    most = World(answer(201, {"id": "x"}), safety="unsafe")
    settled = await most.settled(most.entry(intended=True))
    assert most.receipt(settled).outcome == "unknown"
    assert most.http.requests == []

    least = World(answer(201, {"id": "x"}), safety="unsafe", unsafe_repeats="at_least_once")
    settled = await least.settled(least.entry(intended=True))
    assert least.receipt(settled).outcome == "delivered"
    assert len(least.http.requests) == 1


async def test_at_least_once_repeats_an_unsafe_operation_without_an_answer() -> None:
    world = World(TIMEOUT, safety="unsafe", unsafe_repeats="at_least_once")
    assert isinstance(await world.handle(world.entry()), Later)
