"""What a command came to, as messages: its receipt, what was learnt, its dead letter."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from connectors.kit.clock import Clock
from connectors.kit.connector import Done, Sink
from connectors.kit.effects import id_of
from connectors.kit.letters import letters_of
from connectors.kit.messages import Messages
from connectors.kit.reject_limit import RejectLimit
from connectors.kit.work import Entry, Later, Output, Settled
from gridwire import metrics, tracing
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import LEARNT_UNFIT, Why, count
from gridwire.headers import headers_of
from gridwire.ids import derived
from gridwire.records import Receipt
from gridwire.replays import replay_in
from gridwire.topics import DEAD_LETTER_SINKS

REGISTRY_DELAY_S = 1.0
REGISTRY_TRIES_MAX = 300
FLOW_UNKNOWN = "unknown"
Outcome = Literal["unknown", "delivered", "rejected", "expired"]
REFUSED: frozenset[Outcome] = frozenset({"rejected", "expired"})
HAD_EFFECT: frozenset[Outcome] = frozenset(
    {"delivered", "unknown"}
)  # unknown: perhaps, and not again
log = logging.getLogger(__name__)


class Outcomes:
    """Settles the commands of one sink."""

    def __init__(self, sink: Sink, messages: Messages, clock: Clock, limit: RejectLimit) -> None:
        self._sink = sink
        self._messages = messages
        self._clock = clock
        self._limit = limit
        self._platform = sink.platform.name
        self._source = f"{self._platform}/sink"
        self._latency = metrics.DELIVERY_LATENCY.labels(self._platform)

    async def delivered(self, entry: Entry, done: Done) -> Settled:
        """The platform has it: a receipt, and what was learnt."""
        command = entry.record
        self._limit.delivered(self.known(command.operation), entry)
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

    def repeated(self, entry: Entry) -> Settled | None:
        """A command that had its effect before ends here: no second effect, no second receipt. None: it did not."""
        effects = entry.assigned.effects
        if effects is None or not effects or self._ids(entry)[-1] not in effects:
            return None
        known = self.known(entry.record.operation)
        counted = metrics.COMMANDS.labels(self._platform, known, "duplicate")
        log.info(
            "command came again",
            extra={"platform": self._platform, "command": entry.record.event_id},
        )
        return Settled((entry,), (), counted.inc)

    @staticmethod
    def _ids(entry: Entry) -> tuple[bytes, ...]:
        """What a command is remembered by. A dead letter that came back passes once: as that letter."""
        event_id = entry.record.event_id
        again = replay_in(headers_of(entry.message))
        if again is None:
            return (id_of(event_id),)
        return id_of(event_id), id_of(event_id, again.letter)

    async def finished(self, entry: Entry, outcome: Outcome, reason: str) -> Settled | Later:
        """Not delivered: a receipt says so, and the command becomes a dead letter. Later: too many do."""
        if outcome in REFUSED:
            held_s = self._limit.refused(self.known(entry.record.operation), entry)
            if held_s is not None:
                metrics.RETRIES.labels(self._platform, "held").inc()
                return Later(held_s)
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

    def dead(self, entry: Entry, error: CodecError) -> Settled:
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
        if tracing.on is not None:
            note = partial(self._trace, tracing.on, note, entry, outcome, why)
        effects = self._ids(entry) if outcome in HAD_EFFECT else ()
        return Settled((entry,), tuple(outputs), note, effects)

    def _trace(
        self,
        spans: tracing.Spans,
        note: Callable[[], None],
        entry: Entry,
        outcome: Outcome,
        why: Why | None,
    ) -> None:
        """The operation, from its first attempt to the commit of its outcome."""
        note()
        command = entry.record
        passed_s = self._clock.monotonic_s() - (entry.first_at or self._clock.monotonic_s())
        attributes = {
            "gridwire.platform": self._platform,
            "gridwire.operation": self.known(command.operation),
            "gridwire.flow": command.flow,
            "gridwire.outcome": outcome,
            "gridwire.attempts": entry.requests,
        }
        spans.note(
            f"{self._platform} {self.known(command.operation)}",
            "client",
            (derived("receipt", command.event_id), command.trace_id, command.event_id),
            attributes,
            start_ns=time.time_ns() - round(passed_s * 1e9),
            failed=None if why is None else why.reason,
        )

    def _count(self, operation: str, outcome: Outcome, latency_s: float, why: Why | None) -> None:
        metrics.COMMANDS.labels(self._platform, self.known(operation), outcome).inc()
        self._latency.observe(latency_s)
        metrics.RECORDS_PRODUCED.labels(self._sink.receipts.name).inc()
        if why is not None:
            count(DEAD_LETTER_SINKS, why)

    def known(self, operation: str) -> str:
        """The operation as a metric's label."""
        return operation if operation in self._sink.operations else metrics.OTHER

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
