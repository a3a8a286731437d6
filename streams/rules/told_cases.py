"""What a customer was told about each of their cases, and what of them is news."""

from collections.abc import Iterable, Mapping

import msgspec

from gridwire.records import CustomerCase
from streams.flow import Effects, Forget, Keep
from streams.rules.dates import arrived_at
from streams.rules.speaking import is_quiet


class ToldThread(msgspec.Struct, frozen=True, kw_only=True):
    """One thread as this customer knows it. `told`: the status last told; `pending`: what waits to be told.

    `queued`: what comes after that, for it was decided when that counted as told. `assumed`: nobody told it, but the
    thread seemed to have been in this status before we listened. `memory`: what the flow that listens remembers of the
    thread besides, in its own terms. `aside`: a status of which nothing is said, that came while another was pending or
    queued. `held`: a case that waits for a decision of people.
    """

    thread_id: str
    version: int = 0
    status: str = ""
    told: str = ""
    orders: tuple[str, ...] = ()
    pending: CustomerCase | None = None
    queued: CustomerCase | None = None
    changed_at: int = 0
    assumed: bool = False
    memory: Mapping[str, str] = msgspec.field(default_factory=dict)
    held: CustomerCase | None = None
    aside: CustomerCase | None = None


class Told(msgspec.Struct, frozen=True):
    """All threads of one customer, by thread id."""

    threads: Mapping[str, ToldThread] = msgspec.field(default_factory=dict)


def facts(case: CustomerCase, orders: Iterable[str]) -> dict[str, str]:
    """What every message about a case says of it, by the names that templates in Braze use."""
    return {
        "case_id": case.thread.thread_id,
        "kind": case.thread.kind,
        "status": case.thread.status,
        "order": ", ".join(orders),
        "partner_name": case.partner_name or "",
    }


def stale(case: CustomerCase, before: ToldThread | None) -> str:
    """Why the case is no news, or "": statuses move forward only, by the thread's version."""
    if before is None or case.thread.version > before.version or _belies(case, before):
        return ""
    if case.thread.version < before.version:
        return "older version"
    repeated = case.thread.status == before.status and case.order_ref in before.orders
    return "heard already" if repeated and not _changes_speaker(case, before) else ""


def _changes_speaker(case: CustomerCase, before: ToldThread) -> bool:
    """The word on what is pending was given to another flow."""
    pending = before.pending
    same = pending is not None and pending.thread.version == case.thread.version
    return same and pending is not None and pending.speaker != case.speaker


def is_next(case: CustomerCase, before: ToldThread | None) -> bool:
    """Whether the case comes after what is pending, rather than in its place."""
    pending = before.pending if before else None
    return pending is not None and case.tell_at > pending.tell_at > 0


def queued(case: CustomerCase, before: ToldThread) -> ToldThread:
    """The thread with a case that is told after what is pending."""
    after = _seen(case, before)
    orders = _with(after.orders, case.order_ref)
    return msgspec.structs.replace(after, orders=orders, queued=case, aside=None)


def comes_aside(case: CustomerCase, before: ToldThread | None) -> bool:
    """Whether nothing is said of this status, though another is about to be told."""
    pending = before.pending if before else None
    if before is None or pending is None or case.tell_at:
        return False
    return case.thread.status not in (before.told, pending.thread.status, case.before)


def aside(case: CustomerCase, before: ToldThread) -> ToldThread:
    """The thread with a status that comes aside of what is pending."""
    after = _seen(case, before)
    orders = _with(after.orders, case.order_ref)
    return msgspec.structs.replace(after, orders=orders, aside=case)


def _seen(case: CustomerCase, before: ToldThread | None) -> ToldThread:
    """The thread as it now is; nothing is said of it yet."""
    held = before or ToldThread(thread_id=case.thread.thread_id)
    return msgspec.structs.replace(
        held, version=case.thread.version, status=case.thread.status, changed_at=arrived_at(case)
    )


def noted(case: CustomerCase, before: ToldThread | None) -> ToldThread:
    """The thread after this case: pending where the customer was not told this status last."""
    if before is not None and _belies(case, before):
        return _overtaken(case, before)
    after = _seen(case, before)
    orders = _with(after.orders, case.order_ref)
    if before is None and not case.tell_at and is_quiet(case.thread):
        status = case.thread.status
        return msgspec.structs.replace(after, orders=orders, told=status, assumed=True)
    news = case.thread.status != after.told and not _taken_back(case, before)
    assumed = after.assumed and not news
    pending = case if news else None
    return msgspec.structs.replace(
        after, orders=orders, pending=pending, assumed=assumed, aside=None
    )


def _taken_back(case: CustomerCase, before: ToldThread | None) -> bool:
    """Whether the thread is back in the status that the customer knows, before another was told.

    A case that comes in the moment before its status is told has that status as known, too: that one is still told.
    """
    if before is None or case.tell_at or case.thread.status != case.before:
        return False
    return before.pending is None or before.pending.thread.status != case.thread.status


def _belies(case: CustomerCase, before: ToldThread) -> bool:
    """Whether the status that the customer seemed to know came about just now: webhooks overtake one another."""
    as_assumed = before.assumed and before.told == before.status == case.thread.status
    overtaken = case.thread.version < before.version
    return as_assumed and overtaken and not is_quiet(case.thread)


def _overtaken(case: CustomerCase, before: ToldThread) -> ToldThread:
    """The thread stays as it was seen last; its status is news after all."""
    thread = msgspec.structs.replace(case.thread, version=before.version)
    return msgspec.structs.replace(
        before,
        told="",
        assumed=False,
        orders=_with(before.orders, case.order_ref),
        pending=msgspec.structs.replace(case, thread=thread),
        changed_at=max(before.changed_at, arrived_at(case)),
    )


def _with(orders: tuple[str, ...], order_ref: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*orders, order_ref)))


def settled(thread: ToldThread) -> ToldThread:
    """What was pending counts as told; what comes after it is pending, if it is news."""
    told = thread.pending.thread.status if thread.pending else thread.told
    follows, beside = thread.queued, thread.aside
    if beside is not None and follows is None:
        told, beside = beside.thread.status, None
    news = follows if follows is not None and follows.thread.status != told else None
    return msgspec.structs.replace(thread, pending=news, queued=None, told=told, aside=beside)


def with_thread(told: Told, thread: ToldThread, threads_max: int) -> Told | None:
    """`told` with this thread. At the bound the longest quiet thread goes; None where all have news pending."""
    threads = {**told.threads, thread.thread_id: thread}
    if len(threads) <= threads_max:
        return Told(threads)
    quiet = [
        one for one in threads.values() if one.pending is one.held is None and one is not thread
    ]
    if not quiet:
        return None
    del threads[min(quiet, key=lambda one: (one.changed_at, one.thread_id)).thread_id]
    return Told(threads)


def without(told: Told, thread_id: str) -> Effects:
    """The thread is not remembered any more."""
    threads = {name: one for name, one in told.threads.items() if name != thread_id}
    yield Keep(Told(threads)) if threads else Forget()
