"""One external matter has one Trading Grid thread per audience.

What is wrong now is compared with what the thread says: it is opened, commented on, resolved, cancelled. A matter that
was closed and returns opens a new occurrence. What people settled in Trading Grid while the cause persists stays
settled until the cause has gone and come back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from gridwire.records import (
    AddComment,
    MoveThread,
    OpenThread,
    Related,
    Thread,
    ThreadLine,
    TradingGridCommand,
)
from gridwire.vocabulary import ThreadStatus
from streams.rules import trading_grid
from streams.rules.dates import HOUR_MS
from streams.rules.references import INTERNAL, ORDER, external_ref, refers_to
from streams.rules.trading_grid import TERMINAL

Priority = Literal["urgent", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # the highest first
Reasons = Mapping[str, tuple[ThreadLine, ...]]  # reason code → the lines that it concerns


class Matter(msgspec.Struct, frozen=True, array_like=True):
    """One thread of ours. `reasons`: reason → line references, as told. `settled`: what people closed it with."""

    occurrence: int = 0
    open: bool = False
    reasons: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    settled: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    comments: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How threads end when nothing is wrong any more."""

    to: str
    code: str
    action: str
    summary: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What the threads are about, and the words for it. No personal data in any of them.

    priorities: reason → priority (normal where it has none); due_hours: priority → hours until it must be resolved.
    news: a sentence for open threads, or "". happened_at: when the timer was due that says so; 0: the record knows.
    """

    flow: str
    system: str
    kind: str
    order_ref: str
    status: str
    now_ms: int
    priorities: Mapping[str, Priority]
    due_hours: Mapping[Priority, int]
    news: str
    ending: Ending
    happened_at: int = 0


def reconciled(
    subject: Subject, audience: str, matter: Matter, wanted: Reasons
) -> tuple[Matter, list[TradingGridCommand]]:
    """The matter after `wanted` became true, and the commands that say so."""
    settled = {reason: lines for reason, lines in matter.settled.items() if reason in wanted}
    live = {reason: lines for reason, lines in wanted.items() if reason not in settled}
    told = {reason: tuple(line.line_ref for line in lines) for reason, lines in live.items()}
    if not matter.open and live:
        opened = Matter(matter.occurrence + 1, True, told, settled)
        return opened, [_open(subject, audience, opened, live)]
    if not matter.open or (
        not live and not matter.reasons
    ):  # the latter: reopened by people, theirs to close
        return msgspec.structs.replace(matter, settled=settled), []
    if not live:
        closed = Matter(matter.occurrence, settled=settled, comments=matter.comments)
        return closed, [_move(subject, audience, matter)]
    sentences = [*_changes(matter.reasons, told), *filter(None, [subject.news])]
    comments = matter.comments + bool(sentences)
    changed = Matter(matter.occurrence, True, told, settled, comments)
    if not sentences:
        return changed, []
    return changed, [_comment(subject, audience, changed, " ".join(sentences))]


def heard(
    system: str, order_ref: str, matters: Mapping[str, Matter], thread: Thread
) -> dict[str, Matter] | None:
    """The matters after people closed or reopened a thread of ours in Trading Grid; None: nothing changed."""
    for audience, matter in matters.items():
        if not refers_to(thread, system, external_ref(order_ref, audience, matter.occurrence)):
            continue
        if matter.open and thread.status in TERMINAL:
            closed = Matter(
                matter.occurrence,
                settled={**matter.settled, **matter.reasons},
                comments=matter.comments,
            )
            return {**matters, audience: closed}
        if not matter.open and thread.status == ThreadStatus.REOPENED:
            again = Matter(matter.occurrence, True, matter.settled, {}, matter.comments)
            return {**matters, audience: again}
    return None


def label(code: str) -> str:
    """A reason code or status as words."""
    return code.replace("_", " ")


def _changes(
    before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]
) -> list[str]:
    new = [label(reason) for reason in after if reason not in before]
    gone = [label(reason) for reason in before if reason not in after]
    other = [
        f"{label(reason).capitalize()} now concerns {_lines(lines)}."
        for reason, lines in after.items()
        if reason in before and before[reason] != lines
    ]
    added = [f"Also: {', '.join(new)}."] if new else []
    return [*added, *([f"No longer: {', '.join(gone)}."] if gone else []), *other]


def _lines(lines: tuple[str, ...]) -> str:
    if not lines:
        return "the order as a whole"
    return f"line{'s' if len(lines) > 1 else ''} {', '.join(lines)}"


def _open(subject: Subject, audience: str, matter: Matter, reasons: Reasons) -> TradingGridCommand:
    priority = _priority(subject, reasons)
    names = ", ".join(label(reason) for reason in reasons)
    concerned = "; ".join(
        f"{label(reason)} ({_lines(lines)})" for reason, lines in matter.reasons.items()
    )
    thread = OpenThread(
        external_ref=external_ref(subject.order_ref, audience, matter.occurrence),
        system=subject.system,
        kind=subject.kind,
        subject=f"Order {subject.order_ref}: {names}",
        body=f"The order is {label(subject.status)}. Concerned: {concerned}.",
        priority=priority,
        partner_id=None if audience == INTERNAL else audience,
        resolve_by=subject.now_ms + subject.due_hours[priority] * HOUR_MS,
        related=(Related(type=ORDER, id=subject.order_ref),),
        lines=tuple(line for lines in reasons.values() for line in lines),
        custom={"reasons": ",".join(reasons), "order_status": subject.status},
    )
    return trading_grid.open_thread(
        subject.flow, subject.order_ref, thread, at_ms=subject.happened_at
    )


def _priority(subject: Subject, reasons: Iterable[str]) -> Priority:
    """The highest priority of the reasons."""
    found = {subject.priorities.get(reason, "normal") for reason in reasons}
    return next(priority for priority in PRIORITIES if priority in found)


def _comment(subject: Subject, audience: str, matter: Matter, text: str) -> TradingGridCommand:
    reference = external_ref(subject.order_ref, audience, matter.occurrence)
    comment = AddComment(
        external_ref=reference,
        system=subject.system,
        body=text,
        visibility="shared",
        source_ref=f"{subject.flow}:{reference}:{matter.comments}",
    )
    return trading_grid.add_comment(
        subject.flow, subject.order_ref, comment, at_ms=subject.happened_at
    )


def _move(subject: Subject, audience: str, matter: Matter) -> TradingGridCommand:
    ending = subject.ending
    resolved = ending.to == ThreadStatus.RESOLVED
    move = MoveThread(
        external_ref=external_ref(subject.order_ref, audience, matter.occurrence),
        system=subject.system,
        to=ending.to,
        reason_code=next(iter(matter.reasons)),
        note=ending.summary,
        resolution_code=ending.code if resolved else None,
        resolution_action=ending.action if resolved else None,
        resolution_summary=ending.summary if resolved else None,
    )
    return trading_grid.move_thread(
        subject.flow, subject.order_ref, move, at_ms=subject.happened_at
    )
