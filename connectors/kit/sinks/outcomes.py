"""What a command came to, as messages: its receipt, what was learnt, its dead letter."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from connectors.kit.base.clock import Clock
from connectors.kit.connector import Done, Sink
from connectors.kit.lanes.effects import Effects, id_of
from connectors.kit.lanes.ends import HAD_EFFECT, End, EndOutcome, Unwritten
from connectors.kit.lanes.work import Entry, Later, Settled
from connectors.kit.output.letters import letters_of
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.sinks.reject_limit import RejectLimit
from gridwire import metrics, tracing
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import LEARNT_UNFIT, OUR_FAULT, RECEIPT_UNFIT, Why, count
from gridwire.headers import headers_of
from gridwire.ids import derived
from gridwire.records import Receipt
from gridwire.replays import replay_in
from gridwire.topics import DEAD_LETTER_SINKS

REGISTRY_DELAY_S = 1.0
# Beside a command's id in the ledger, for its dead letters that come back:
MAY_REPEAT = "may repeat"  # it has a letter nevertheless (outcome unknown, say): whoever replays it was asked
DONE = "done"  # delivered by a letter of it: no other one repeats it
FLOW_UNKNOWN = "unknown"
REFUSED: frozenset[EndOutcome] = frozenset({"rejected", "expired"})
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
        self._unwritten = Unwritten(clock.monotonic_s)
        self._latency = metrics.DELIVERY_LATENCY.labels(self._platform)

    @property
    def problem(self) -> str | None:
        """Why outcomes cannot be written; None where none waits."""
        return self._unwritten.problem

    async def delivered(self, entry: Entry, done: Done) -> Settled | Later:
        """The platform has it: a receipt, and what was learnt."""
        entry.end = End("delivered")  # first of all: what the operation returned may be at fault
        entry.end = End("delivered", None, done.object_id, done.records)
        self._limit.delivered(self.known(entry.record.operation), entry)
        return await self.written(entry, entry.end)

    def repeated(self, entry: Entry) -> Settled | None:
        """A command that had its effect before ends here: no second effect, no second receipt. None: it did not."""
        effects = entry.assigned.effects
        if not effects or not self._had_effect(entry, effects):
            return None
        known = self.known(entry.record.operation)
        counted = metrics.COMMANDS.labels(self._platform, known, "duplicate")
        log.info(
            "command came again",
            extra={"platform": self._platform, "command": entry.record.event_id},
        )
        return Settled((entry,), (), counted.inc)

    def _had_effect(self, entry: Entry, effects: Effects) -> bool:
        """A dead letter that came back passes once as that letter, and not at all once its command was delivered."""
        event_id = entry.record.event_id
        own, *letter = self._ids(entry)
        if not letter:
            return own in effects
        if letter[0] in effects or id_of(event_id, DONE) in effects:
            return True
        return own in effects and id_of(event_id, MAY_REPEAT) not in effects

    def _remembered(self, entry: Entry, outputs: Sequence[Output]) -> tuple[bytes, ...]:
        """What the ledger keeps of a command that had its effect, or may have had it."""
        ids, event_id = self._ids(entry), entry.record.event_id
        if any(output.topic == DEAD_LETTER_SINKS.name for output in outputs):
            return (*ids, id_of(event_id, MAY_REPEAT))
        return (*ids, id_of(event_id, DONE)) if len(ids) > 1 else ids

    @staticmethod
    def _ids(entry: Entry) -> tuple[bytes, ...]:
        """A command's id; of a dead letter that came back, the letter's as well."""
        event_id = entry.record.event_id
        again = replay_in(headers_of(entry.message))
        if again is None:
            return (id_of(event_id),)
        return id_of(event_id), id_of(event_id, again.letter)

    async def finished(self, entry: Entry, outcome: EndOutcome, reason: str) -> Settled | Later:
        """Not delivered: a receipt says so, and the command becomes a dead letter. Later: too many do."""
        if outcome in REFUSED:
            held_s = self._limit.refused(self.known(entry.record.operation), entry, reason)
            if held_s is not None:
                metrics.RETRIES.labels(self._platform, "held").inc()
                return Later(held_s)
        end = entry.end = End(outcome, reason)
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
        return await self.written(entry, end)

    async def written(self, entry: Entry, end: End) -> Settled | Later:
        """What a command came to, as messages. Later: the schema registry is away; then only this is done again."""
        why = None if end.outcome == "delivered" else self._why(entry, end.reason or end.outcome)
        try:
            await self._messages.prepare(*[to for to, _ in end.records], self._sink.receipts)
            outputs = [*await self._learnt(entry, end), *await self._receipts(entry, end)]
        except RegistryUnavailableError as error:
            self._unwritten.waits(entry)
            log.warning("outcome waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        self._unwritten.written(entry)
        if why is not None:
            outputs += letters_of(DEAD_LETTER_SINKS, why, entry.message)
        return self._settled(entry, end.outcome, outputs, why)

    async def _learnt(self, entry: Entry, end: End) -> list[Output]:
        outputs = []
        for number, (topic, record) in enumerate(end.records):
            learnt = self._messages.stamped(
                record,
                source=self._source,
                seed=entry.record.event_id,
                number=number,
                cause=entry.record,
            )
            try:
                outputs.append(await self._messages.write(topic, learnt))
            except CodecError as error:  # the delivery itself stands
                why = self._why(entry, LEARNT_UNFIT, error)
                outputs.extend(letters_of(DEAD_LETTER_SINKS, why, entry.message))
        return outputs

    async def _receipts(self, entry: Entry, end: End) -> list[Output]:
        """The receipt. One that does not fit its topic goes without what the connector put into it."""
        try:
            return [await self._receipt(entry, end)]
        except CodecError as error:
            why = self._why(entry, RECEIPT_UNFIT, error)
            log.warning("receipt unfit", extra={"platform": self._platform, "reason": error.reason})
        plain = replace(end, reason=f"{RECEIPT_UNFIT}: look at what the operation returns")
        outputs = [await self._receipt(entry, replace(plain, object_id=None))]
        if end.outcome == "delivered":  # others have a dead letter anyway
            outputs += letters_of(DEAD_LETTER_SINKS, why, entry.message)
        return outputs

    def given_up(self, entry: Entry) -> Settled | Later:
        """Faults of our own keep a command from its end: a dead letter with the original bytes, and no receipt.

        Later: too many are refused or given up; it is tried again like all others.
        """
        end, command = entry.end, entry.record
        if end is None:
            operation = metrics.OTHER if command is None else self.known(command.operation)
            held_s = self._limit.refused(operation, entry, OUR_FAULT)
            if held_s is not None:
                entry.faults = 0
                return Later(held_s)
        self._unwritten.written(entry)
        had_effect = end is not None and end.had_effect
        reason = RECEIPT_UNFIT if had_effect else OUR_FAULT
        why = Why(reason, FLOW_UNKNOWN) if command is None else self._why(entry, reason)
        log.error(
            "command given up",
            extra={"platform": self._platform, "offset": entry.offset, "reason": reason},
        )
        letters = letters_of(DEAD_LETTER_SINKS, why, entry.message)
        return Settled(
            (entry,),
            tuple(letters),
            partial(count, DEAD_LETTER_SINKS, why),
            self._remembered(entry, letters) if had_effect else (),
        )

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

    async def _receipt(self, entry: Entry, end: End) -> Output:
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
            outcome=end.outcome,
            object_id=end.object_id,
            reason=end.reason,
            attempts=entry.requests,
            latency_ms=max(0, now_ms - command.produced_at),
        )
        return await self._messages.write(self._sink.receipts, receipt)

    def _settled(
        self, entry: Entry, outcome: EndOutcome, outputs: list[Output], why: Why | None
    ) -> Settled:
        command = entry.record
        latency_s = max(0, self._clock.epoch_ms() - command.produced_at) / 1_000
        note = partial(self._count, command.operation, outcome, latency_s, why)
        if tracing.on is not None:
            note = partial(self._trace, tracing.on, note, entry, outcome, why)
        effects = self._remembered(entry, outputs) if outcome in HAD_EFFECT else ()
        return Settled((entry,), tuple(outputs), note, effects)

    def _trace(
        self,
        spans: tracing.Spans,
        note: Callable[[], None],
        entry: Entry,
        outcome: EndOutcome,
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

    def _count(
        self, operation: str, outcome: EndOutcome, latency_s: float, why: Why | None
    ) -> None:
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
