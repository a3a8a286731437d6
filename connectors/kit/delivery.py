"""A sink: commands become operations, their verdicts receipts, retries or dead letters.

command → operation's steps → delivered: receipt, and what was learnt
                            → transient: again later; given up after bounded attempts: receipt `expired`, dead letter
                            → rejected: receipt, dead letter
                            → misconfigured: stays, everything waits; probed now and then
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from connectors.kit.calls import Caller, Finished, Refusal, Refused
from connectors.kit.clock import Clock
from connectors.kit.connector import Done, Misconfigured, Operation, Rejected, Sink, Transient
from connectors.kit.letters import letters_of
from connectors.kit.messages import Messages
from connectors.kit.retry import RetryPolicy
from connectors.kit.settings import UnsafeRepeats
from connectors.kit.unreadable import UNREADABLE_DELAY_S, Unreadable
from connectors.kit.work import (
    Entry,
    Feed,
    IntentError,
    Later,
    Output,
    Permit,
    Settled,
    WithdrawnError,
)
from gridwire import metrics
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import LEARNT_UNFIT, OUTCOME_UNKNOWN, Why, count
from gridwire.headers import headers_of
from gridwire.ids import derived
from gridwire.records import Receipt
from gridwire.replays import replay_in
from gridwire.topics import DEAD_LETTER_SINKS

REGISTRY_DELAY_S = 1.0
REGISTRY_TRIES_MAX = 300
MISCONFIGURED_DELAY_S = 1.0  # then the breaker decides
INTENT_DELAY_S = 0.5
FLOW_UNKNOWN = "unknown"
Outcome = Literal["unknown", "delivered", "rejected", "expired"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """When a command is given up, and whether an operation that is not safe to repeat is repeated nevertheless."""

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    unsafe_repeats: UnsafeRepeats = "at_most_once"


class Deliveries:
    """Carries out the commands of one sink. `feed` must be set before records arrive."""

    feed: Feed

    def __init__(
        self,
        sink: Sink,
        caller: Caller,
        messages: Messages,
        terms: Terms,
        clock: Clock,
    ) -> None:
        self._sink = sink
        self._caller = caller
        self._messages = messages
        self._clock = clock
        self._policy = terms.policy
        self._unsafe_repeats = terms.unsafe_repeats
        self._platform = sink.platform.name
        self._source = f"{self._platform}/sink"
        self._unreadable = Unreadable(sink.commands.name)
        self._latency = metrics.DELIVERY_LATENCY.labels(self._platform)

    @property
    def problem(self) -> str | None:
        """Why nothing is delivered; None where all is well."""
        return self._unreadable.problem

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later:
        """Carries out one command. `waiting` is not used: each command is an operation of its own."""
        del waiting
        if entry.first_at is None:
            entry.first_at = self._clock.monotonic_s()
        try:
            if entry.record is None:
                entry.record = await self._messages.read(self._sink.commands, entry.message.value())
        except CodecError as error:
            if self._unreadable.found(error):
                return Later(UNREADABLE_DELAY_S)
            return self._dead(entry, error)
        except RegistryUnavailableError as error:
            log.warning("command waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        self._unreadable.passed()
        return await self._attempt(entry, permit)

    # ---- one attempt ---------------------------------------------------------------------------------------------
    async def _attempt(self, entry: Entry, permit: Permit) -> Settled | Later:
        command = entry.record
        operation = self._sink.operations.get(command.operation)
        body = getattr(command, command.operation, None)
        if operation is None or body is None:
            reason = "unknown operation" if operation is None else "command without its operation"
            return await self._finished(entry, "rejected", reason)
        try:
            return await self._operate(entry, operation, body, permit)
        except IntentError:
            return Later(INTENT_DELAY_S)
        except WithdrawnError:
            raise
        except Exception as error:
            log.exception("operation failed", extra={"platform": self._platform})
            verdict = Transient(f"fault in operation: {type(error).__name__}")
            return await self._conclude(entry, verdict, unsafe=False)

    async def _operate(
        self, entry: Entry, operation: Operation, body: Any, permit: Permit
    ) -> Settled | Later:
        unsafe = operation.safety_of(body) == "unsafe"
        if unsafe:
            if entry.intended and self._unsafe_repeats == "at_most_once":
                return await self._finished(
                    entry, "unknown", f"{OUTCOME_UNKNOWN}: restarted meanwhile"
                )
            await self.feed.intend(entry)
        result = await self._caller.run(operation.steps(entry.record, body), permit)
        entry.requests += result.requests
        if isinstance(result, Refused):
            return await self._conclude(entry, result.verdict, unsafe=unsafe)
        return await self._delivered(entry, result)

    async def _conclude(self, entry: Entry, verdict: Refusal, *, unsafe: bool) -> Settled | Later:
        match verdict:
            case Rejected():
                return await self._finished(entry, "rejected", verdict.reason)
            case Misconfigured():
                metrics.RETRIES.labels(self._platform, "misconfigured").inc()
                return Later(MISCONFIGURED_DELAY_S)
            case Transient() if unsafe and verdict.outcome_unknown:
                if self._unsafe_repeats == "at_most_once":
                    reason = f"{OUTCOME_UNKNOWN}: {verdict.reason}"
                    return await self._finished(entry, "unknown", reason)
        return await self._again(entry, verdict)

    async def _again(self, entry: Entry, verdict: Transient) -> Settled | Later:
        """Later, or given up. While the platform is down or says "slower", failures do not count."""
        well = self._caller.breaker.closed
        if well and not verdict.throttled:
            entry.failures += 1
        age_s = self._clock.monotonic_s() - (entry.first_at or 0.0)
        if well and self._policy.exhausted(entry.failures, age_s):
            outcome: Outcome = "rejected" if verdict.early else "expired"
            return await self._finished(entry, outcome, f"given up: {verdict.reason}")
        cause = "throttled" if verdict.throttled else "early" if verdict.early else "transient"
        metrics.RETRIES.labels(self._platform, cause).inc()
        return Later(self._policy.delay_s(entry.failures, verdict, self._clock.chance))

    # ---- outcomes ------------------------------------------------------------------------------------------------
    async def _delivered(self, entry: Entry, result: Finished[Done]) -> Settled:
        command, done = entry.record, result.value
        outputs = []
        for number, (topic, record) in enumerate(done.records):
            learnt = self._messages.stamped(
                record, source=self._source, seed=command.event_id, number=number, cause=command
            )
            try:
                outputs.append(await self._written(topic, learnt))
            except CodecError as error:  # the delivery itself stands
                why = self._why(entry, LEARNT_UNFIT, error)
                outputs.extend(letters_of(DEAD_LETTER_SINKS, why, entry.message))
        outputs.append(await self._receipt(entry, "delivered", None, done.object_id))
        return self._settled(entry, "delivered", outputs, None)

    async def _finished(self, entry: Entry, outcome: Outcome, reason: str) -> Settled:
        """Not delivered: a receipt says so, and the command becomes a dead letter."""
        why = self._why(entry, reason)
        outputs = [
            await self._receipt(entry, outcome, reason, None),
            *letters_of(DEAD_LETTER_SINKS, why, entry.message),
        ]
        log.warning(
            "command not delivered",
            extra={
                "platform": self._platform,
                "command": entry.record.event_id,
                "operation": entry.record.operation,
                "outcome": outcome,
                "reason": reason,
            },
        )
        return self._settled(entry, outcome, outputs, why)

    def _dead(self, entry: Entry, error: CodecError) -> Settled:
        """No command can be read out of it, so no receipt either: a dead letter with the original bytes."""
        why = Why(
            error.reason, FLOW_UNKNOWN, detail=str(error), error=error, stage="VALUE_CONVERTER"
        )
        log.warning(
            "command cannot be read",
            extra={"platform": self._platform, "offset": entry.offset, "reason": error.reason},
        )
        return Settled(
            (entry,),
            tuple(letters_of(DEAD_LETTER_SINKS, why, entry.message)),
            partial(count, DEAD_LETTER_SINKS, why),
        )

    async def _receipt(
        self, entry: Entry, outcome: Outcome, reason: str | None, object_id: str | None
    ) -> Output:
        command = entry.record
        now_ms = self._clock.epoch_ms()
        again = replay_in(headers_of(entry.message))  # then this is its second receipt
        receipt = Receipt(
            event_id=derived("receipt", command.event_id, *([again.letter] if again else [])),
            occurred_at=now_ms,
            produced_at=now_ms,
            source=self._source,
            version=0,
            trace_id=command.trace_id,
            causation_id=command.event_id,
            command_id=command.event_id,
            flow=command.flow,
            platform=self._platform,
            operation=command.operation,
            lane=command.lane,
            outcome=outcome,
            object_id=object_id,
            reason=reason,
            attempts=entry.requests,
            latency_ms=max(0, now_ms - command.produced_at),
        )
        return await self._written(self._sink.receipts, receipt)

    async def _written(self, topic: Any, record: Any) -> Output:
        """The operation has happened: a registry that is away now must not make it happen again."""
        for _ in range(REGISTRY_TRIES_MAX - 1):
            try:
                return await self._messages.write(topic, record)
            except RegistryUnavailableError as error:
                log.warning("receipt waits", extra={"platform": self._platform, "why": str(error)})
                await self._clock.sleep(REGISTRY_DELAY_S)
        return await self._messages.write(topic, record)

    def _settled(
        self, entry: Entry, outcome: Outcome, outputs: list[Output], why: Why | None
    ) -> Settled:
        command = entry.record
        latency_s = max(0, self._clock.epoch_ms() - command.produced_at) / 1_000
        note = partial(self._count, command.operation, outcome, latency_s, why)
        return Settled((entry,), tuple(outputs), note)

    def _count(self, operation: str, outcome: Outcome, latency_s: float, why: Why | None) -> None:
        known = operation if operation in self._sink.operations else metrics.OTHER
        metrics.COMMANDS.labels(self._platform, known, outcome).inc()
        self._latency.observe(latency_s)
        metrics.RECORDS_PRODUCED.labels(self._sink.receipts.name).inc()
        if why is not None:
            count(DEAD_LETTER_SINKS, why)

    @staticmethod
    def _why(entry: Entry, reason: str, error: BaseException | None = None) -> Why:
        command = entry.record
        return Why(
            reason.partition(":")[0],
            command.flow,
            detail=reason,
            error=error,
            attempt=entry.requests,
            trace_id=command.trace_id,
        )
