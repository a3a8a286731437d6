"""A sink: commands become operations, their verdicts receipts, retries or dead letters.

command → operation's steps → delivered: receipt, and what was learnt
                            → transient: again later; given up after bounded attempts: receipt `expired`, dead letter
                            → rejected: receipt, dead letter
                            → misconfigured: stays, everything waits; probed now and then
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.bulk import BulkDelivery
from connectors.kit.calls import Caller, Refusal, Refused
from connectors.kit.clock import Clock
from connectors.kit.connector import (
    Done,
    ItemResult,
    Misconfigured,
    Operation,
    Rejected,
    Sink,
    Transient,
)
from connectors.kit.messages import Messages
from connectors.kit.outcomes import Outcome, Outcomes
from connectors.kit.reject_limit import LIMITS, RejectLimit
from connectors.kit.retry import RetryPolicy
from connectors.kit.settings import UnsafeRepeats
from connectors.kit.unreadable import UNREADABLE_DELAY_S, Unreadable
from connectors.kit.work import (
    Entry,
    Feed,
    IntentError,
    Join,
    Later,
    Permit,
    Settled,
    WithdrawnError,
)
from gridwire import metrics
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import OUTCOME_UNKNOWN
from gridwire.limits import Limits

REGISTRY_DELAY_S = 1.0
MISCONFIGURED_DELAY_S = 1.0  # then the breaker decides
INTENT_DELAY_S = 0.5
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """When a command is given up, and whether an operation that is not safe to repeat is repeated nevertheless.

    `limits`: of commands that are refused or given up, before an operation stops.
    """

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    unsafe_repeats: UnsafeRepeats = "at_most_once"
    limits: Limits = LIMITS


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
        self._bulk = BulkDelivery(caller, self._result, terms.policy.attempts_max)
        self._platform = sink.platform.name
        self._unreadable = Unreadable(sink.commands.name)
        self._limit = RejectLimit(self._platform, terms.limits, clock)
        self._outcomes = Outcomes(sink, messages, clock, self._limit)

    @property
    def problem(self) -> str | None:
        """Why nothing is delivered; None where all is well."""
        return self._unreadable.problem or self._limit.problem

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later | Join:
        """Carries out one command; or says how it goes along with others, those `waiting` behind it among them."""
        try:
            await self._read(entry)
        except CodecError as error:
            if self._unreadable.found(error):
                return Later(UNREADABLE_DELAY_S)
            return self._outcomes.dead(entry, error)
        except RegistryUnavailableError as error:
            log.warning("command waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        self._unreadable.passed()
        return self._outcomes.repeated(entry) or await self._unless_stopped(entry, waiting, permit)

    async def _read(self, entry: Entry) -> None:
        """Raises CodecError, RegistryUnavailableError."""
        if entry.first_at is None:
            entry.first_at = self._clock.monotonic_s()
        if entry.record is None:
            entry.record = await self._messages.read(self._sink.commands, entry.message.value())

    async def _unless_stopped(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later | Join:
        """An operation whose commands are nearly all refused waits, but for a try now and then."""
        operation = self._outcomes.known(entry.record.operation)
        held_s = self._limit.enter(operation, entry)
        if held_s > 0:
            return Later(held_s)
        outcome = None
        try:
            outcome = await self._attempt(entry, waiting, permit)
            return outcome
        finally:
            if not isinstance(outcome, Join):  # then its result tells
                self._limit.left(operation, entry)

    # ---- one attempt ---------------------------------------------------------------------------------------------
    async def _attempt(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later | Join:
        command = entry.record
        operation = self._sink.operations.get(command.operation)
        body = getattr(command, command.operation, None)
        if operation is None or body is None:
            reason = "unknown operation" if operation is None else "command without its operation"
            return await self._outcomes.finished(entry, "rejected", reason)
        try:
            together = self._bulk.join(await self._along(entry, operation, waiting), operation)
            return together or await self._operate(entry, operation, body, permit)
        except IntentError:
            return Later(INTENT_DELAY_S)
        except WithdrawnError:
            raise
        except Exception as error:
            log.exception("operation failed", extra={"platform": self._platform})
            verdict = Transient(f"fault in operation: {type(error).__name__}")
            return await self._conclude(entry, verdict, unsafe=False)

    async def _along(
        self, entry: Entry, operation: Operation, waiting: Sequence[Entry]
    ) -> list[Entry]:
        """The command, and those right behind it that may share its batch."""
        found = [entry]
        bulk = operation.bulk
        if bulk is None or not bulk.in_order:
            return found
        for other in list(waiting)[1 : bulk.items_max]:
            try:
                await self._read(other)
            except (CodecError, RegistryUnavailableError):
                break  # its own turn will tell
            known = any(other.record.event_id == one.record.event_id for one in found)
            if known or self._outcomes.repeated(other):
                break
            if not self._bulk.alike(entry, other, operation):
                break
            found.append(other)
        return found

    async def _operate(
        self, entry: Entry, operation: Operation, body: Any, permit: Permit
    ) -> Settled | Later:
        unsafe = operation.safety_of(body) == "unsafe"
        if unsafe:
            if entry.intended and self._unsafe_repeats == "at_most_once":
                return await self._outcomes.finished(
                    entry, "unknown", f"{OUTCOME_UNKNOWN}: restarted meanwhile"
                )
            await self.feed.intend(entry)
        result = await self._caller.run(operation.steps(entry.record, body), permit)
        entry.requests += result.requests
        if isinstance(result, Refused):
            outcome = await self._conclude(entry, result.verdict, unsafe=unsafe)
            if unsafe and isinstance(outcome, Later):  # it had no effect, or may be repeated
                self.feed.retract(entry)
            return outcome
        return await self._outcomes.delivered(entry, result.value)

    async def _result(self, entry: Entry, result: ItemResult) -> Settled | Later:
        """The outcome of a command that was part of a batch."""
        if isinstance(result, Done):
            return await self._outcomes.delivered(entry, result)
        try:
            return await self._conclude(entry, result, unsafe=False)
        finally:
            self._limit.left(self._outcomes.known(entry.record.operation), entry)

    async def _conclude(self, entry: Entry, verdict: Refusal, *, unsafe: bool) -> Settled | Later:
        match verdict:
            case Rejected():
                return await self._outcomes.finished(entry, "rejected", verdict.reason)
            case Misconfigured():
                metrics.RETRIES.labels(self._platform, "misconfigured").inc()
                return Later(MISCONFIGURED_DELAY_S)
            case Transient() if unsafe and verdict.outcome_unknown:
                if self._unsafe_repeats == "at_most_once":
                    reason = f"{OUTCOME_UNKNOWN}: {verdict.reason}"
                    return await self._outcomes.finished(entry, "unknown", reason)
        return await self._again(entry, verdict)

    async def _again(self, entry: Entry, verdict: Transient) -> Settled | Later:
        """Later, or given up. While the platform is down or says "slower", failures do not count."""
        well = self._caller.breaker.closed
        if well and not verdict.throttled:
            entry.failures += 1
        age_s = self._clock.monotonic_s() - (entry.first_at or 0.0)
        if well and self._policy.exhausted(entry.failures, age_s):
            outcome: Outcome = "rejected" if verdict.early else "expired"
            return await self._outcomes.finished(entry, outcome, f"given up: {verdict.reason}")
        cause = "throttled" if verdict.throttled else "early" if verdict.early else "transient"
        metrics.RETRIES.labels(self._platform, cause).inc()
        return Later(self._policy.delay_s(entry.failures, verdict, self._clock.chance))
