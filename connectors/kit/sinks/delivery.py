"""A sink: commands become operations, their verdicts receipts, retries or dead letters.

command → operation's steps → delivered: receipt, and what was learnt
                            → transient: again later; given up after bounded attempts: receipt `expired`, dead letter
                            → rejected: receipt, dead letter
                            → misconfigured: stays, everything waits; probed now and then
"""

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.base.clock import Clock
from connectors.kit.base.permit import Permit, WithdrawnError
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Done,
    Download,
    ItemResult,
    Misconfigured,
    Operation,
    OperationError,
    Pause,
    Rejected,
    Request,
    Response,
    Sink,
    Transient,
)
from connectors.kit.http.calls import Caller, Finished, Refusal, Refused
from connectors.kit.lanes.ends import EndOutcome
from connectors.kit.lanes.lane import Timed
from connectors.kit.lanes.work import Entry, Feed, IntentError, Join, Later, Settled
from connectors.kit.output.messages import Messages
from connectors.kit.output.unreadable import UNREADABLE_DELAY_S, Unreadable
from connectors.kit.settings import LIMITS, UnsafeRepeats
from connectors.kit.sinks.bulk import BulkDelivery
from connectors.kit.sinks.outcomes import REGISTRY_DELAY_S, Outcomes
from connectors.kit.sinks.reject_limit import RejectLimit
from gridwire import metrics
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import OUTCOME_UNKNOWN
from gridwire.limits import Limits

MISCONFIGURED_DELAY_S = 1.0  # then the breaker decides
INTENT_DELAY_S = 0.5
AnySteps = Generator[Request | Pause | Download, Response, Done]
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
        self._bulk = BulkDelivery(caller, self._result, terms.policy.attempts_max, clock)
        self._platform = sink.platform.name
        self._unreadable = Unreadable(sink.commands.name)
        self._limit = RejectLimit(self._platform, terms.limits, clock)
        self._outcomes = Outcomes(sink, messages, clock, self._limit)

    @property
    def problem(self) -> str | None:
        """Why nothing is delivered; None where all is well."""
        return self._unreadable.problem or self._outcomes.problem or self._limit.problem

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later | Join:
        """Carries out one command; or says how it goes along with others, those `waiting` behind it among them."""
        if entry.end is not None:
            return await self._outcomes.written(entry, entry.end)
        try:
            await self._read(entry)
            await self._messages.prepare(self._sink.receipts)  # before anything is sent
        except CodecError as error:
            if self._unreadable.found(error):
                return Later(UNREADABLE_DELAY_S)
            return self._outcomes.dead(entry, error)
        except RegistryUnavailableError as error:
            log.warning("command waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        self._unreadable.passed()
        if self._outcomes.problem is not None:  # what is sent now could not be written down either
            return Later(REGISTRY_DELAY_S)
        return self._outcomes.repeated(entry) or await self._unless_stopped(entry, waiting, permit)

    def give_up(self, entry: Entry) -> Settled | Later:
        return self._outcomes.given_up(entry)

    async def _read(self, entry: Entry) -> None:
        """Raises CodecError, RegistryUnavailableError."""
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
            unsafe = operation.safety_of(body) == "unsafe"
        except Exception as error:
            log.exception("operation failed", extra={"platform": self._platform})
            return await self._conclude(entry, _fault(error), unsafe=False)
        return together or await self._operate(entry, operation, body, permit, unsafe=unsafe)

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
            if known or other.end is not None or self._outcomes.repeated(other):
                break
            if not self._bulk.alike(entry, other, operation):
                break
            found.append(other)
        return found

    async def _operate(
        self, entry: Entry, operation: Operation, body: Any, permit: Permit, *, unsafe: bool
    ) -> Settled | Later:
        if unsafe:
            if entry.intended and self._unsafe_repeats == "at_most_once":
                return await self._outcomes.finished(
                    entry, "unknown", f"{OUTCOME_UNKNOWN}: restarted meanwhile"
                )
            try:
                await self.feed.intend(entry)
            except IntentError:
                return Later(INTENT_DELAY_S)
        timed = Timed(permit, entry, self._clock)
        result = await self._run(entry, operation, body, timed, unsafe=unsafe)
        entry.requests += result.requests
        if isinstance(result, Refused):
            outcome = await self._conclude(entry, result.verdict, unsafe=unsafe)
            if unsafe and entry.end is None:  # it had no effect, or may be repeated
                self.feed.retract(entry)
            return outcome
        return await self._outcomes.delivered(entry, result.value)

    async def _run(
        self, entry: Entry, operation: Operation, body: Any, permit: Permit, *, unsafe: bool
    ) -> Finished[Done] | Refused:
        """The operation's steps, and nothing else: a fault in them is theirs."""
        try:
            steps = operation.steps(entry.record, body)
            return await self._caller.run(_guarded(steps) if unsafe else steps, permit)
        except WithdrawnError:
            raise
        except Exception as error:
            log.exception("operation failed", extra={"platform": self._platform})
            return Refused(_fault(error), 0)

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
        """Later, or given up. While the platform is down or says "slower", failures do not count; faults of ours do."""
        well = self._caller.breaker.closed or verdict.fault
        if well and not verdict.throttled:
            entry.failures += 1
        now = self._clock.monotonic_s()
        age_s = 0.0 if entry.first_at is None else now - entry.first_at
        if well and self._policy.exhausted(entry.failures, age_s):
            outcome: EndOutcome = "rejected" if verdict.early else "expired"
            return await self._outcomes.finished(entry, outcome, f"given up: {verdict.reason}")
        cause = "throttled" if verdict.throttled else "early" if verdict.early else "transient"
        metrics.RETRIES.labels(self._platform, cause).inc()
        return Later(self._policy.delay_s(entry.failures, verdict, self._clock.chance))


def _fault(error: Exception) -> Transient:
    return Transient(f"fault in operation: {type(error).__name__}", fault=True)


def _guarded(steps: AnySteps) -> AnySteps:
    """Steps of an unsafe operation: a fault in them after a request that may have had its effect leaves that unknown.

    Raises OperationError.
    """
    sent = False
    try:
        step = next(steps)
        while True:
            sent = sent or (isinstance(step, Request) and not step.idempotent)
            step = steps.send((yield step))
    except StopIteration as end:
        done: Done = end.value
        return done
    except OperationError:
        raise
    except Exception as error:
        if not sent:
            raise
        log.exception("answer not understood")
        reason = f"answer not understood: {type(error).__name__}"
        raise OperationError(Transient(reason, outcome_unknown=True, fault=True)) from error
    finally:
        steps.close()
