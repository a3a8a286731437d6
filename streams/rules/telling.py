"""Hears of a customer's cases, waits for what follows at once, and says the last of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gridwire.records import BrazeCommand, Customer, CustomerCase
from streams.flow import CancelTimer, Effects, Filtered, Fired, Keep, SetTimer
from streams.rules import braze, consent, told_cases
from streams.rules.told_cases import Told, ToldThread

Said = tuple[ToldThread, Iterable[BrazeCommand | Filtered | Any]]
NOTHING: Mapping[str, str] = {}


def never(_: CustomerCase, __: ToldThread) -> bool:
    """Nothing is left to do for a status that was told, and nothing is done for whom nobody may write to."""
    return False


@dataclass(frozen=True, slots=True)
class Telling:
    """The fold's functions: `hear` notes what changed, `speak` says the last of it when the time has come.

    flow: whose fold it is. say: from a thread with its news and the customer to the thread as it is remembered, and
    what the flow writes. asks: reads a profile that nobody has read while the news wait. beside: what the flow writes
    of a status of which nothing is said, that came aside of the news. late: whether a case of a status that was told
    leaves something to do all the same; it is said again then. ends: whether a case is heard and said though nobody may
    write to the customer, for it ends what was begun.
    """

    flow: str
    kinds: Collection[str]
    keep_ms: int
    threads_max: int
    say: Callable[..., Said]
    asks: bool = True
    beside: Callable[[CustomerCase], Iterable[BrazeCommand]] = lambda _: ()
    late: Callable[[CustomerCase, ToldThread], bool] = never
    ends: Callable[[CustomerCase, ToldThread], bool] = never

    def hear(
        self,
        case: CustomerCase,
        told: Told | None,
        customer: Customer,
        memory: Mapping[str, str] = NOTHING,
    ) -> Effects:
        """A status that is news waits for what follows until it is to be told. memory: added to the thread's."""
        told = told or Told()
        before = told.threads.get(case.thread.thread_id)
        concerns = case.thread.kind in self.kinds
        why_not = told_cases.stale(case, before) if concerns else "kind concerns no customer"
        why_not = "order of another customer" if case.moved else why_not
        ends = before is not None and self.ends(case, before)
        why_not = why_not or ("" if ends else consent.unreachable(customer))
        if why_not:
            if not case.moved:
                yield from _learned(case, told, memory)
            yield Filtered(why_not)
            return
        waits, after = _noted(case, before)
        after = msgspec.structs.replace(after, memory={**after.memory, **memory})
        if not waits and after.pending is None and self.late(case, after):
            after = msgspec.structs.replace(after, pending=case)
        kept = told_cases.with_thread(told, after, self.threads_max)
        if kept is None:
            yield Filtered("too many cases at once")
            return
        yield Keep(kept)
        forget_at = after.changed_at + self.keep_ms
        yield SetTimer(f"forget/{after.thread_id}", forget_at)
        if not waits:
            yield from self._wait(case, before, after, customer)

    def _wait(
        self, case: CustomerCase, before: ToldThread | None, after: ToldThread, customer: Customer
    ) -> Effects:
        """Sets the timer of the first news; more news before it fires joins it, or takes it back."""
        was_pending = before is not None and before.pending is not None
        timer = f"tell/{after.thread_id}"
        if after.pending is None:
            yield Filtered("no change of status")
            if was_pending:
                yield CancelTimer(timer)
        elif not was_pending:
            yield SetTimer(timer, max(case.tell_at, after.changed_at))
            if self.asks and consent.is_unread(customer):
                yield braze.refresh_profile(self.flow, case.customer_ref)

    def speak(self, fired: Fired[Told], customer: Customer | None, *rows: Any) -> Effects:
        """The time has come: the last status is news to the flow. Or a thread has long been quiet."""
        action, _, thread_id = fired.name.partition("/")
        thread = fired.state.threads.get(thread_id)
        if thread is None or action == "forget":
            yield from told_cases.without(fired.state, thread_id)
            return
        said: Iterable[Any]
        if thread.pending is None or customer is None:
            said = (Filtered("nothing to tell any more"),)
        elif (why_not := consent.unreachable(customer)) and not self.ends(thread.pending, thread):
            said = (Filtered(why_not),)
        else:
            thread, said = self.say(fired, thread, customer, *rows)
            if thread.aside is not None and thread.queued is None:
                said = (*said, *self.beside(thread.aside))
        after = told_cases.settled(thread)
        yield Keep(Told({**fired.state.threads, thread_id: after}))
        if after.pending is not None:
            yield SetTimer(fired.name, max(after.pending.tell_at, fired.due_ms))
        yield from said


def _learned(case: CustomerCase, told: Told, memory: Mapping[str, str]) -> Effects:
    """No news; but what it says of its order is as new as the thread."""
    held = told.threads.get(case.thread.thread_id)
    if held is None or case.thread.version < held.version:
        return
    after = msgspec.structs.replace(held, memory={**held.memory, **memory})
    if after != held:
        yield Keep(Told({**told.threads, held.thread_id: after}))


def _noted(case: CustomerCase, before: ToldThread | None) -> tuple[bool, ToldThread]:
    """Whether what is pending stays so, and the thread after this case."""
    if before is not None and told_cases.is_next(case, before):
        return True, told_cases.queued(case, before)
    if before is not None and told_cases.comes_aside(case, before):
        return True, told_cases.aside(case, before)
    return False, told_cases.noted(case, before)
