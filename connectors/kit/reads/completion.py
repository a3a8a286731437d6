"""Completing notices: a thin webhook or a change-feed entry names an object, a fetch reads it, records come of it.

    notice → fetch → records, committed with the notice's offset
                   → not there yet, or no good answer: parked, that is written again to the end of its topic with a
                     time before which it rests; given up after bounded attempts or age: dead letter
                   → unreadable, refused: dead letter

Notices of one key wait for one another, so records of one object come out in order. Identical notices that wait when
a fetch begins are settled by it: it reads the object as it stands then.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from connectors.kit.base.clock import Clock
from connectors.kit.base.permit import Permit, WithdrawnError
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Fetched,
    MalformedError,
    Misconfigured,
    NotThereError,
    Rejected,
    Source,
    Transient,
)
from connectors.kit.http.calls import Caller, Refusal, Refused
from connectors.kit.lanes.work import Entry, Feed, Later, Settled
from connectors.kit.output.letters import letters_of
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.output.unreadable import UNREADABLE_DELAY_S, Unreadable
from gridwire import metrics
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import OUR_FAULT, Why, count
from gridwire.headers import headers_of
from gridwire.records import Notice
from gridwire.replays import replay_in
from gridwire.topics import DEAD_LETTER_SOURCES

REGISTRY_DELAY_S = 1.0
MISCONFIGURED_DELAY_S = 1.0  # then the breaker decides
COALESCED_MAX = 100  # notices that one fetch settles
log = logging.getLogger(__name__)


class Completions:
    """Fetches for one source. `feed` must be set before notices arrive."""

    feed: Feed

    def __init__(
        self,
        source: Source,
        caller: Caller,
        messages: Messages,
        policy: RetryPolicy,
        clock: Clock,
    ) -> None:
        if source.notices is None:
            raise ValueError(f"{source.platform.name}: fetches need a topic of notices")
        self._fetches = source.fetches
        self.notices = source.notices
        self._caller = caller
        self._messages = messages
        self._policy = policy
        self._clock = clock
        self._platform = source.platform.name
        self._flow = f"{self._platform}/fetch"
        self._unreadable = Unreadable(self.notices.name)

    @property
    def problem(self) -> str | None:
        """Why nothing is fetched; None where all is well."""
        return self._unreadable.problem

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later:
        try:
            notice = await self._read(entry)
        except CodecError as error:
            if self._unreadable.found(error):
                return Later(UNREADABLE_DELAY_S)
            why = Why(
                error.reason, self._flow, detail=str(error), error=error, stage="VALUE_CONVERTER"
            )
            return self._dead(entry, why, "unreadable", None)
        except RegistryUnavailableError as error:
            log.warning("notice waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        self._unreadable.passed()
        rest_s = (notice.not_before or 0) / 1_000 - self._clock.epoch_s()
        if rest_s > 0:
            return Later(min(rest_s, self._policy.delay_s_max), aside=True)
        return await self._fetch(entry, notice, waiting, permit)

    def give_up(self, entry: Entry) -> Settled:
        notice: Notice | None = entry.record
        why = Why(OUR_FAULT, self._flow) if notice is None else self._why(notice, OUR_FAULT)
        return self._dead(entry, why, "expired", notice)

    async def _read(self, entry: Entry) -> Notice:
        if entry.record is None:
            entry.record = await self._messages.read(self.notices, entry.message.value())
        notice: Notice = entry.record
        return notice

    async def _fetch(
        self, entry: Entry, notice: Notice, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later:
        fetch = self._fetches.get(notice.resource)
        if fetch is None:
            why = self._why(notice, "no fetch for this resource")
            return self._dead(entry, why, "rejected", notice)
        covered = await self._identical(entry, notice, waiting)
        try:
            result = await self._caller.run(fetch(notice), permit)
            if isinstance(result, Refused):
                return await self._refused(entry, notice, result.verdict)
            outputs = await self._outputs(notice, result.value)
        except NotThereError:
            return await self._park(entry, notice, "not there")
        except (MalformedError, CodecError) as error:
            why = self._why(notice, "object cannot be read", str(error), error)
            return self._dead(entry, why, "rejected", notice)
        except RegistryUnavailableError as error:
            log.warning("notice waits", extra={"platform": self._platform, "why": str(error)})
            return Later(REGISTRY_DELAY_S)
        except WithdrawnError:
            raise
        except Exception as error:
            log.exception("fetch failed", extra={"platform": self._platform})
            return await self._park(entry, notice, f"fault in fetch: {type(error).__name__}")
        note = partial(self._completed, notice.resource, len(covered), [o.topic for o in outputs])
        return Settled(tuple(covered), tuple(outputs), note)

    async def _identical(
        self, entry: Entry, notice: Notice, waiting: Sequence[Entry]
    ) -> list[Entry]:
        """The entry, and those behind it that ask for the very same fetch and may run now."""
        covered = [entry]
        wanted = _question(notice)
        now_ms = self._clock.epoch_ms()
        for other in list(waiting)[1 : COALESCED_MAX * 2]:
            try:
                found = await self._read(other)
            except (CodecError, RegistryUnavailableError):
                continue  # its own turn will tell
            if _question(found) == wanted and (found.not_before or 0) <= now_ms:
                covered.append(other)
        return covered[:COALESCED_MAX]

    async def _outputs(self, notice: Notice, fetched: Fetched) -> list[Output]:
        outputs = []
        for number, (topic, record) in enumerate(fetched):
            stamped = self._messages.stamped(
                record, source=self._flow, seed=notice.event_id, number=number, cause=notice
            )
            outputs.append(await self._messages.write(topic, stamped))
        return outputs

    # ---- what did not work ---------------------------------------------------------------------------------------
    async def _refused(self, entry: Entry, notice: Notice, verdict: Refusal) -> Settled | Later:
        match verdict:
            case Rejected():
                why = self._why(notice, "fetch refused", verdict.reason)
                return self._dead(entry, why, "rejected", notice)
            case Misconfigured():
                metrics.RETRIES.labels(self._platform, "misconfigured").inc()
                return Later(MISCONFIGURED_DELAY_S)
        if verdict.throttled or not self._caller.breaker.closed:
            metrics.RETRIES.labels(
                self._platform, "throttled" if verdict.throttled else "transient"
            ).inc()
            return Later(self._policy.delay_s(1, verdict, self._clock.chance))
        return await self._park(entry, notice, verdict.reason, verdict)

    async def _park(
        self, entry: Entry, notice: Notice, reason: str, verdict: Transient | None = None
    ) -> Settled | Later:
        """To the end of the topic, to rest there; neighbours go on. After its bounds: dead letter."""
        attempt = notice.fetch_attempt + 1
        age_s = self._clock.epoch_s() - notice.produced_at / 1_000
        if self._policy.exhausted(attempt, age_s):
            why = self._why(notice, f"given up: {reason}")
            return self._dead(entry, why, "expired", notice)
        rest_s = self._policy.delay_s(attempt, verdict or Transient(reason), self._rest)
        again = msgspec.structs.replace(
            notice,
            fetch_attempt=attempt,
            not_before=self._clock.epoch_ms() + int(min(rest_s, self._policy.delay_s_max) * 1_000),
        )
        try:
            output = await self._messages.write(self.notices, again)
        except RegistryUnavailableError:
            return Later(REGISTRY_DELAY_S)
        return Settled((entry,), (output,), partial(self._parked, notice.resource))

    def _rest(self) -> float:
        """Between half and the whole of the backoff: an object that is not there needs time, not luck."""
        return 0.5 + self._clock.chance() / 2

    def _dead(self, entry: Entry, why: Why, outcome: str, notice: Notice | None) -> Settled:
        log.warning(
            "notice given up",
            extra={"platform": self._platform, "reason": why.reason, "offset": entry.offset},
        )
        letters = letters_of(DEAD_LETTER_SOURCES, _after_replays(why, entry), entry.message)
        resource = self._resource(notice)
        return Settled((entry,), tuple(letters), partial(self._given_up, resource, outcome, why))

    def _why(
        self, notice: Notice, reason: str, detail: str = "", error: BaseException | None = None
    ) -> Why:
        return Why(
            reason.partition(":")[0],
            self._flow,
            detail=detail or reason,
            error=error,
            attempt=notice.fetch_attempt + 1,
            trace_id=notice.trace_id,
        )

    # ---- metrics, once committed ---------------------------------------------------------------------------------
    def _resource(self, notice: Notice | None) -> str:
        known = notice is not None and notice.resource in self._fetches
        return notice.resource if notice is not None and known else metrics.OTHER

    def _completed(self, resource: str, settled: int, topics: Iterable[str]) -> None:
        metrics.FETCHES.labels(self._platform, resource, "completed").inc()
        metrics.FETCHES.labels(self._platform, resource, "coalesced").inc(settled - 1)
        for topic in topics:
            metrics.RECORDS_PRODUCED.labels(topic).inc()

    def _parked(self, resource: str) -> None:
        metrics.FETCHES.labels(self._platform, resource, "parked").inc()
        metrics.NOTICES_PARKED.labels(self._platform, resource).inc()

    def _given_up(self, resource: str, outcome: str, why: Why) -> None:
        metrics.FETCHES.labels(self._platform, resource, outcome).inc()
        count(DEAD_LETTER_SOURCES, why)


def _after_replays(why: Why, entry: Entry) -> Why:
    """A letter that came back and fails again has a higher attempt: the notice itself does not count replays."""
    before = replay_in(headers_of(entry.message))
    return replace(why, attempt=max(why.attempt, before.attempt + 1)) if before else why


def _question(notice: Notice) -> tuple[Any, ...]:
    """What a fetch depends on: two notices with the same question get the same answer."""
    detail = tuple(sorted(notice.detail.items()))
    return (notice.resource, notice.resource_id, notice.key, notice.event_type, detail)
