"""One flow speaks about each status of a thread to each customer, and the decision stands.

Flows that speak collect what is new of a thread for a while (the collapse time) and say the last of it. So whether a
status was told is known from when it came and when the next one did. The decision is made at the first case of a
status; a case of another order may change it for a flow that goes first, in the first half of that while. A status of
which nothing is said comes aside of one that is about to be told: it takes its place only where it ends the matter.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import CustomerCase, CustomerRecovery, FiledFeedback, Thread
from gridwire.vocabulary import ThreadKind, ThreadStatus
from streams.rules.dates import HOUR_MS, arrived_at
from streams.rules.precedence import (
    FEEDBACK,
    JOURNEY,
    NOTIFICATION,
    RECOVERY,
    Claim,
    is_settled,
    preferred,
    speaker,
)
from streams.rules.references import matters_of, refers_to
from streams.rules.trading_grid import TERMINAL

# Kinds of threads that customers hear of.
CUSTOMER_KINDS = (
    ThreadKind.ORDER_EXCEPTION,
    ThreadKind.CLAIM,
    ThreadKind.RETURN,
    ThreadKind.WARRANTY,
    ThreadKind.CHARGEBACK,
    ThreadKind.SERVICE_CASE,
)
# What a customer wants to be told; the other statuses only show in their attribute.
SPOKEN_STATUSES = (
    ThreadStatus.OPEN,
    ThreadStatus.IN_PROGRESS,
    ThreadStatus.RESOLVED,
    ThreadStatus.REOPENED,
    ThreadStatus.CANCELLED,
)
INTERNAL_STATUSES = (ThreadStatus.AWAITING_INTERNAL,)
# A thread that is first seen through one of these was neither created nor moved now.
QUIET_EVENTS = frozenset(
    {
        "thread.updated",
        "thread.comment_added",
        "thread.comment_updated",
        "thread.attachment_added",
        "thread.sla_breached",
    }
)
LATE_MS = 1_000
# Feedback may be read that much after the settlement of the thread that took it up: backlogs are read as they come.
SETTLED_MS = HOUR_MS


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One thread as it came by for one customer.

    before: the status that was told last. told_at: when its status will have been told, 0: it was, or never will be.
    quiet: nobody tells its status, for the thread seemed to have been in it before we listened. spoken: flow → when it
    last spoke of the thread. telling: the status that is told, where another came aside; "": its status. held: people
    decide about its recovery, which did not go out. matters: what it is about, whatever its occurrence. settled: the
    case that settled it just now.
    """

    version: int = 0
    status: str = ""
    before: str = ""
    speaker: str = ""
    told_at: int = 0
    quiet: bool = False
    seen: bool = False
    spoken: Mapping[str, int] = msgspec.field(default_factory=dict)
    changed_at: int = 0
    telling: str = ""
    held: bool = False
    matters: tuple[str, ...] = ()
    settled: CustomerCase | None = None


class Filed(msgspec.Struct, frozen=True, array_like=True):
    """Feedback of the customer and the thread that took it up, by its id or its reference."""

    feedback_id: str
    thread_id: str | None
    system: str
    reference: str
    filed_at: int


class Ears(msgspec.Struct, frozen=True):
    """What came by for one customer: threads by id, and the feedback that they gave, oldest first."""

    threads: Mapping[str, Heard] = msgspec.field(default_factory=dict)
    filed: tuple[Filed, ...] = ()


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who speaks, and when.

    collapse_ms: news that follow within it join the first. again_ms: how long a recovery that went out counts; what
    other flows said counts as long as the thread is remembered, for it still holds. spoken: statuses of which the
    notification tells. A case that comes in the last moment (LATE_MS) of the collapse time begins the next: flows have
    it a round later, and must have it in time.
    """

    collapse_ms: int
    again_ms: int
    claims: Sequence[Claim]
    spoken: Collection[str] = SPOKEN_STATUSES

    def decided(self, case: CustomerCase, ears: Ears) -> tuple[CustomerCase, Heard]:
        """The case with its speaker and what led to that; the thread as it then stands."""
        now_ms = arrived_at(case)
        matters = matters_of(case.thread)
        feedback = feedback_of(case.thread, ears.filed)
        case = msgspec.structs.replace(
            case,
            feedback_id=feedback.feedback_id if feedback else None,
            spoken=(RECOVERY,) if self._recovered_before(case, matters, ears, now_ms) else (),
        )
        held = ears.threads.get(case.thread.thread_id)
        if held is None:
            decided, after = self._first(case, now_ms)
        else:
            held = _unanswered(self._told_by(held, now_ms), feedback)
            decided, after = self._next(case, held, now_ms)
        if case.thread.version < after.version:
            return decided, after
        return decided, msgspec.structs.replace(
            after, matters=matters, settled=_settling(decided, after)
        )

    def _recovered_before(
        self, case: CustomerCase, matters: Sequence[str], ears: Ears, now_ms: int
    ) -> bool:
        """Another thread about the same matter, an earlier occurrence, was recovered or is about to be."""
        others = (
            self._told_by(held, now_ms)
            for name, held in ears.threads.items()
            if name != case.thread.thread_id and not set(matters).isdisjoint(held.matters)
        )
        return any(
            RECOVERY in other.spoken or other.held or (other.told_at and other.speaker == RECOVERY)
            for other in others
        )

    def _first(self, case: CustomerCase, now_ms: int) -> tuple[CustomerCase, Heard]:
        quiet = is_quiet(case.thread)
        first = Heard(
            version=case.thread.version,
            status=case.thread.status,
            told_at=0 if quiet else now_ms + self.collapse_ms,
            quiet=quiet,
            changed_at=now_ms,
        )
        return self._spoken_for(case, first)

    def _next(self, case: CustomerCase, held: Heard, now_ms: int) -> tuple[CustomerCase, Heard]:
        if case.thread.version < held.version:
            return self._older(case, held, now_ms)
        held = msgspec.structs.replace(held, version=case.thread.version, changed_at=now_ms)
        if case.thread.status == held.status:
            return self._same(case, held, now_ms)
        if held.told_at and case.thread.status == held.before:
            held = msgspec.structs.replace(held, status=held.before, told_at=0, telling="")
            return _annotated(case, held), held  # as the customer knows it: nothing is told
        if self._comes_aside(case, held):
            telling = held.telling or held.status
            held = msgspec.structs.replace(held, status=case.thread.status, telling=telling)
            return _aside(case, held), held
        after = msgspec.structs.replace(
            held,
            status=case.thread.status,
            told_at=held.told_at or now_ms + self.collapse_ms,
            quiet=False,
            telling="",
        )
        return self._spoken_for(case, after)

    def _comes_aside(self, case: CustomerCase, held: Heard) -> bool:
        """Nothing is said of this status, and something else is about to be told that still holds."""
        telling = held.telling or held.status
        ends = case.thread.status in TERMINAL and telling not in TERMINAL
        if not held.told_at or case.thread.status in self.spoken or ends:
            return False
        if telling not in self.spoken and held.speaker in ("", NOTIFICATION):
            return False
        return speaker(_annotated(case, held), self.claims) in (None, NOTIFICATION, held.speaker)

    def _spoken_for(self, case: CustomerCase, after: Heard) -> tuple[CustomerCase, Heard]:
        case = _annotated(case, after)
        after = msgspec.structs.replace(after, speaker=speaker(case, self.claims) or "")
        return _annotated(case, after), after

    def _same(self, case: CustomerCase, held: Heard, now_ms: int) -> tuple[CustomerCase, Heard]:
        """Another order, or other news of the same status: the decision stands."""
        if held.telling:
            return _aside(case, held), held
        case = _annotated(case, held)
        if self._is_open(held, now_ms):
            other = speaker(case, self.claims) or ""
            held = msgspec.structs.replace(held, speaker=preferred(held.speaker, other))
        return _annotated(case, held), held

    def _is_open(self, held: Heard, now_ms: int) -> bool:
        """The word may still be given to another flow, for all flows have that in time."""
        return now_ms < held.told_at - self.collapse_ms // 2

    def _older(self, case: CustomerCase, held: Heard, now_ms: int) -> tuple[CustomerCase, Heard]:
        """Webhooks overtake one another: an older one may belie that a status was there before we listened."""
        if case.thread.status != held.status or held.telling:
            return case, held
        if held.quiet and not is_quiet(case.thread):
            told_at = now_ms + self.collapse_ms
            held = msgspec.structs.replace(held, quiet=False, told_at=told_at)
        return _annotated(case, held), held

    def _told_by(self, held: Heard, now_ms: int) -> Heard:
        """With what has been told by now, and without a recovery that is long past."""
        spoken = dict(held.spoken)
        if now_ms - spoken.get(RECOVERY, now_ms) >= self.again_ms:
            del spoken[RECOVERY]
        if not held.told_at or now_ms < held.told_at - min(LATE_MS, self.collapse_ms // 2):
            return msgspec.structs.replace(held, spoken=spoken)
        if not (held.held and held.speaker == RECOVERY):
            spoken[held.speaker] = max(held.told_at, spoken.get(held.speaker, 0))
        told = (held.telling or held.status) in self.spoken or held.speaker != NOTIFICATION
        return msgspec.structs.replace(
            held,
            before=held.status,
            seen=held.seen or told,
            spoken=spoken,
            told_at=0,
            telling="",
        )

    def ended_unheard(self, case: CustomerCase, held: Heard) -> Heard:
        """The thread after its end, of which nobody is told: a journey that was adjusted for it is so no more."""
        if case.thread.status not in TERMINAL or case.thread.version < held.version:
            return held
        held = self._told_by(held, arrived_at(case))
        spoken = {flow: at for flow, at in held.spoken.items() if flow != JOURNEY}
        told_at = 0 if held.speaker == JOURNEY else held.told_at
        return msgspec.structs.replace(held, spoken=spoken, told_at=told_at)

    def recovery(self, fact: CustomerRecovery, held: Heard) -> Heard:
        """Whether a recovery that people decide about went out is known by its flow alone."""
        held = self._told_by(held, fact.at)
        spoken = {flow: at for flow, at in held.spoken.items() if flow != RECOVERY}
        if fact.state == "sent":
            spoken[RECOVERY] = fact.at
        return msgspec.structs.replace(held, spoken=spoken, held=fact.state == "held")

    def answered(self, one: Filed, held: Heard) -> tuple[CustomerCase, Heard] | None:
        """The case that settled the thread, where feedback is read after it, though the thread took that up.

        As long as the word may still be given, whoever closes the loop has it. Later somebody else speaks of the
        status, or has spoken: the case goes out once more for the loop to be closed without a message.
        """
        settled = held.settled
        if settled is None or not _takes_up(settled.thread, one):
            return None
        if FEEDBACK in held.spoken and held.spoken[FEEDBACK] > one.filed_at:
            return None
        held = _unanswered(held, one)
        case = _annotated(msgspec.structs.replace(settled, feedback_id=one.feedback_id), held)
        if self._is_open(held, one.filed_at) and not held.telling:
            said_by = preferred(held.speaker, speaker(case, self.claims) or "")
            held = msgspec.structs.replace(held, speaker=said_by)
            case = _annotated(case, held)
        return msgspec.structs.replace(case, tell_at=max(held.told_at, one.filed_at)), held


def _annotated(case: CustomerCase, held: Heard) -> CustomerCase:
    return msgspec.structs.replace(
        case,
        speaker=held.speaker,
        tell_at=held.told_at,
        before=held.before,
        seen=held.seen,
        spoken=tuple(sorted({*held.spoken, *case.spoken})),
    )


def _aside(case: CustomerCase, held: Heard) -> CustomerCase:
    """Another status is told; nothing is new to tell of this one."""
    return msgspec.structs.replace(_annotated(case, held), tell_at=0)


def _settling(case: CustomerCase, held: Heard) -> CustomerCase | None:
    """The case that is told, where it settles the thread, for as long as feedback may be read after it."""
    if held.telling:
        return held.settled
    if held.settled is not None and held.settled.thread.status == case.thread.status:
        return held.settled
    return case if is_settled(case) else None


def slim(threads: Mapping[str, Heard], now_ms: int) -> dict[str, Heard]:
    """Without cases that settled a thread so long ago that no feedback is read after it."""
    return {
        name: msgspec.structs.replace(held, settled=None)
        if held.settled is not None and now_ms - arrived_at(held.settled) > SETTLED_MS
        else held
        for name, held in threads.items()
    }


def is_quiet(thread: Thread) -> bool:
    """Nothing says that the thread came into its status just now.

    What a poll found may have: its event is that of the webhook which would have said so.
    """
    return thread.event_type in QUIET_EVENTS and thread.previous_status is None


def filed_of(feedback: FiledFeedback) -> Filed:
    """The feedback as it is remembered."""
    at = arrived_at(feedback)
    return Filed(
        feedback.feedback_id, feedback.thread_id, feedback.system, feedback.external_ref, at
    )


def feedback_of(thread: Thread, filed: Sequence[Filed]) -> Filed | None:
    """The latest feedback that this thread took up."""
    found = [one for one in filed if _takes_up(thread, one)]
    return found[-1] if found else None


def _takes_up(thread: Thread, one: Filed) -> bool:
    by_reference = bool(one.reference) and refers_to(thread, one.system, one.reference)
    return by_reference or one.thread_id == thread.thread_id


def _unanswered(held: Heard, feedback: Filed | None) -> Heard:
    """What was answered before this feedback was given is no answer to it."""
    answered_at = held.spoken.get(FEEDBACK)
    if feedback is None or answered_at is None or answered_at > feedback.filed_at:
        return held
    spoken = {flow: at for flow, at in held.spoken.items() if flow != FEEDBACK}
    return msgspec.structs.replace(held, spoken=spoken)
