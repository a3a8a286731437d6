"""One flow speaks about each status of a thread to each customer, and the decision stands.

Flows that speak collect what is new of a thread for a while (the collapse time) and say the last of it. So whether a
status was told is known from when it came and when the next one did. The decision is made at the first case of a
status; a case of another order may change it for a flow that goes first, in the first half of that while.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import CustomerCase, FiledFeedback, Thread
from gridwire.vocabulary import ThreadKind, ThreadStatus
from streams.rules.dates import arrived_at
from streams.rules.precedence import FEEDBACK, NOTIFICATION, Claim, preferred, speaker
from streams.rules.references import refers_to

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


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One thread as it came by for one customer.

    before: the status that was told last. told_at: when its status will have been told, 0: it was, or never will be.
    quiet: nobody tells its status, for the thread seemed to have been in it before we listened. spoken: flow → when it
    last spoke of the thread.
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

    collapse_ms: news that follow within it join the first. again_ms: how long a flow that spoke of a thread counts as
    having done so. A case that comes in the last moment (LATE_MS) of the collapse time begins the next: flows have it
    a round later, and must have it in time.
    """

    collapse_ms: int
    again_ms: int
    claims: Sequence[Claim]

    def decided(self, case: CustomerCase, ears: Ears) -> tuple[CustomerCase, Heard]:
        """The case with its speaker and what led to that; the thread as it then stands."""
        now_ms = arrived_at(case)
        held = ears.threads.get(case.thread.thread_id)
        feedback = feedback_of(case.thread, ears.filed)
        if feedback is not None:
            case = msgspec.structs.replace(case, feedback_id=feedback.feedback_id)
        if held is None:
            return self._first(case, now_ms)
        held = _unanswered(self._settled(held, now_ms), feedback)
        if case.thread.version < held.version:
            return self._older(case, held, now_ms)
        held = msgspec.structs.replace(held, version=case.thread.version, changed_at=now_ms)
        if case.thread.status == held.status:
            return self._same(case, held, now_ms)
        after = msgspec.structs.replace(
            held,
            status=case.thread.status,
            told_at=held.told_at or now_ms + self.collapse_ms,
            quiet=False,
        )
        return self._spoken_for(case, after)

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

    def _spoken_for(self, case: CustomerCase, after: Heard) -> tuple[CustomerCase, Heard]:
        case = _annotated(case, after)
        after = msgspec.structs.replace(after, speaker=speaker(case, self.claims) or "")
        return _annotated(case, after), after

    def _same(self, case: CustomerCase, held: Heard, now_ms: int) -> tuple[CustomerCase, Heard]:
        """Another order, or other news of the same status: the decision stands."""
        case = _annotated(case, held)
        if now_ms < held.told_at - self.collapse_ms // 2:
            other = speaker(case, self.claims) or ""
            held = msgspec.structs.replace(held, speaker=preferred(held.speaker, other))
        return _annotated(case, held), held

    def _older(self, case: CustomerCase, held: Heard, now_ms: int) -> tuple[CustomerCase, Heard]:
        """Webhooks overtake one another: an older one may belie that a status was there before we listened."""
        if case.thread.status != held.status:
            return case, held
        if held.quiet and not is_quiet(case.thread):
            told_at = now_ms + self.collapse_ms
            held = msgspec.structs.replace(held, quiet=False, told_at=told_at)
        return _annotated(case, held), held

    def _settled(self, held: Heard, now_ms: int) -> Heard:
        """With what has been told by now, and without what is long past."""
        spoken = {flow: at for flow, at in held.spoken.items() if now_ms - at < self.again_ms}
        if not held.told_at or now_ms < held.told_at - min(LATE_MS, self.collapse_ms // 2):
            return msgspec.structs.replace(held, spoken=spoken)
        told = held.status in SPOKEN_STATUSES or held.speaker != NOTIFICATION
        return msgspec.structs.replace(
            held,
            before=held.status,
            seen=held.seen or told,
            spoken={**spoken, held.speaker: held.told_at},
            told_at=0,
        )


def _annotated(case: CustomerCase, held: Heard) -> CustomerCase:
    return msgspec.structs.replace(
        case,
        speaker=held.speaker,
        tell_at=held.told_at,
        before=held.before,
        seen=held.seen,
        spoken=tuple(sorted(held.spoken)),
    )


def is_quiet(thread: Thread) -> bool:
    """Nothing says that the thread came into its status just now."""
    return thread.event_type in QUIET_EVENTS and thread.previous_status is None


def filed_of(feedback: FiledFeedback) -> Filed:
    """The feedback as it is remembered."""
    at = arrived_at(feedback)
    return Filed(
        feedback.feedback_id, feedback.thread_id, feedback.system, feedback.external_ref, at
    )


def feedback_of(thread: Thread, filed: Sequence[Filed]) -> Filed | None:
    """The latest feedback that this thread took up."""
    found = [
        one
        for one in filed
        if one.thread_id == thread.thread_id
        or (one.reference and refers_to(thread, one.system, one.reference))
    ]
    return found[-1] if found else None


def _unanswered(held: Heard, feedback: Filed | None) -> Heard:
    """What was answered before this feedback was given is no answer to it."""
    answered_at = held.spoken.get(FEEDBACK)
    if feedback is None or answered_at is None or answered_at > feedback.filed_at:
        return held
    spoken = {flow: at for flow, at in held.spoken.items() if flow != FEEDBACK}
    return msgspec.structs.replace(held, spoken=spoken)
