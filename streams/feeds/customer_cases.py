"""Threads of orders → the customers whose orders they are, and who speaks to them about each status."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from gridwire import topics
from gridwire.records import (
    BrazeCommand,
    Customer,
    CustomerCase,
    CustomerRecovery,
    FiledFeedback,
    Order,
    OrderThread,
    Partner,
)
from gridwire.vocabulary import ThreadStatus
from streams.flow import (
    Effects,
    Filtered,
    Fired,
    Flow,
    Fold,
    Forget,
    GoOn,
    Keep,
    Leg,
    SetTimer,
    Wait,
    join,
    on,
    on_timer,
)
from streams.rules import braze, consent
from streams.rules.bounds import Minutes, NotNegative, Positive
from streams.rules.dates import DAY_MS, SECOND_MS, arrived_at
from streams.rules.precedence import CLAIMS, PRECEDENCE, Claim, Speaker
from streams.rules.speaking import (
    INTERNAL_STATUSES,
    SPOKEN_STATUSES,
    Deciding,
    Ears,
    filed_of,
    slim,
)
from streams.tables import CUSTOMERS, ORDERS, PARTNERS

FLOW_ID = "feed.customer-cases"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How cases reach customers.

    order_wait_minutes, profile_wait_minutes: how long a thread change waits for its order, and a case for the
    customer's profile, before it is a dead letter. speakers: flows that may speak; take out those that run nowhere, or
    nobody tells what they would have told. spoken_statuses: those of which the notification has campaigns; others do
    not take the place of one that is about to be told. collapse_s: statuses of a thread within it become one message.
    internal_statuses: tell customers nothing, neither a message nor an attribute, and leave no trace. again_days: how
    long a recovery that went out counts: a customer who was won back is not won back again when the thread is reopened,
    or its matter returns. threads_max: remembered per customer. keep_days: how long a quiet thread is remembered, at
    least again_days.
    """

    order_wait_minutes: Minutes = 30
    profile_wait_minutes: Minutes = 30
    speakers: tuple[Speaker, ...] = PRECEDENCE
    spoken_statuses: tuple[ThreadStatus, ...] = SPOKEN_STATUSES
    collapse_s: NotNegative = 60
    internal_statuses: tuple[ThreadStatus, ...] = INTERNAL_STATUSES
    again_days: Positive = 30
    threads_max: Positive = 200
    keep_days: Positive = 180


def address(
    entry: OrderThread, order: Order, partner: Partner | None, internal: Collection[str] = ()
) -> Effects:
    """The case with what whoever speaks to the customer must know. internal: statuses that no customer hears of."""
    if entry.thread.status in internal:
        yield Filtered("internal status")
        return
    if order.customer_ref is None:
        yield Filtered("guest order")
        return
    skus = [line.sku for line in entry.thread.lines] or [line.sku for line in order.lines]
    yield CustomerCase(
        customer_ref=order.customer_ref,
        order_ref=entry.order_ref,
        order_status=order.status,
        skus=tuple(dict.fromkeys(skus)),
        partner_name=partner.name if partner else None,
        thread=entry.thread,
    )


class Owner(msgspec.Struct, frozen=True):
    """Whose order it was when a thread last named it."""

    customer_ref: str


def moves(entry: OrderThread, owner: Owner | None, order: Order | None, keep_ms: int) -> Effects:
    """The customer whose order it was hears of it no more; the new one is told by the cases that follow."""
    now_ref = order.customer_ref if order else None
    if order is None or (now_ref is None and owner is None):
        yield Filtered("order not known, or a guest's")
        return
    if owner is not None and owner.customer_ref != now_ref:
        yield CustomerCase(
            customer_ref=owner.customer_ref,
            order_ref=entry.order_ref,
            order_status=order.status,
            thread=entry.thread,
            moved=True,
        )
    if now_ref is None:
        yield Forget()
        return
    yield Keep(Owner(now_ref))
    yield SetTimer("forget", arrived_at(entry) + keep_ms)


def refresh(case: CustomerCase) -> BrazeCommand:
    """Asks Braze what the customer consents to."""
    return braze.refresh_profile(FLOW_ID, case.customer_ref)


@dataclass(frozen=True, slots=True)
class Assigning:
    """The fold's functions: every case passes, with the flow that speaks about its status."""

    deciding: Deciding
    threads_max: int
    keep_ms: int

    def assign(self, case: CustomerCase, ears: Ears | None, customer: Customer) -> Effects:
        """Who cannot be reached is told nothing, so nothing is remembered of it either, but that a thread has ended."""
        ears = ears or Ears()
        decided, heard = self.deciding.decided(case, ears)
        yield msgspec.structs.replace(decided, event_id="")
        thread_id = case.thread.thread_id
        if consent.unreachable(customer):
            if known := ears.threads.get(thread_id):
                ended = self.deciding.ended_unheard(case, known)
                yield Keep(
                    msgspec.structs.replace(ears, threads={**ears.threads, thread_id: ended})
                )
            return
        threads = {**slim(ears.threads, heard.changed_at), thread_id: heard}
        if len(threads) > self.threads_max:
            others = [name for name in threads if name != thread_id]
            del threads[min(others, key=lambda name: (threads[name].changed_at, name))]
        yield Keep(msgspec.structs.replace(ears, threads=threads))
        yield SetTimer("forget", heard.changed_at + self.keep_ms)

    def note(self, feedback: FiledFeedback, ears: Ears | None) -> Effects:
        """A thread has taken up what the customer said: whoever closes the loop speaks about its end."""
        ears, one = ears or Ears(), filed_of(feedback)
        filed = (*(f for f in ears.filed if f.feedback_id != one.feedback_id), one)
        threads = slim(ears.threads, one.filed_at)
        for name, held in threads.items():
            if again := self.deciding.answered(one, held):
                case, threads[name] = again
                yield msgspec.structs.replace(case, event_id="")
        yield Keep(Ears(threads, filed[-self.threads_max :]))
        yield SetTimer("forget", one.filed_at + self.keep_ms)

    def recovered(self, fact: CustomerRecovery, ears: Ears | None) -> Effects:
        """A recovery waits for people, or went out after all."""
        held = ears.threads.get(fact.thread_id) if ears else None
        if ears is None or held is None:
            yield Filtered("thread not remembered")
            return
        after = self.deciding.recovery(fact, held)
        yield Keep(msgspec.structs.replace(ears, threads={**ears.threads, fact.thread_id: after}))

    def forget(self, fired: Fired[Ears]) -> Effects:
        """Drops what has long been quiet."""
        since = fired.now_ms - self.keep_ms
        threads = {n: one for n, one in fired.state.threads.items() if one.changed_at > since}
        filed = tuple(one for one in fired.state.filed if one.filed_at > since)
        if not threads and not filed:
            yield Forget()
            return
        oldest = [one.changed_at for one in threads.values()] + [one.filed_at for one in filed]
        yield Keep(Ears(threads, filed))
        yield SetTimer("forget", min(oldest) + self.keep_ms)


def legs(settings: Settings, claims: Sequence[Claim] = CLAIMS) -> tuple[Leg, ...]:
    """Raises ValueError where a thread would be forgotten while what was said of it still counts."""
    if settings.keep_days < settings.again_days:
        raise ValueError(
            f"keep_days: at least again_days ({settings.again_days}), or who was won back is won back again sooner"
        )
    claims = tuple(claim for claim in claims if claim.flow in settings.speakers)
    deciding = Deciding(
        settings.collapse_s * SECOND_MS,
        settings.again_days * DAY_MS,
        claims,
        settings.spoken_statuses,
    )
    assigning = Assigning(deciding, settings.threads_max, settings.keep_days * DAY_MS)
    order = Wait(minutes=settings.order_wait_minutes)
    profile = Wait(minutes=settings.profile_wait_minutes, ask=refresh)
    return (
        join(
            name="address",
            reads=topics.ORDER_THREADS,
            lookups=(
                ORDERS.by(lambda entry: entry.order_ref, order),
                PARTNERS.by(lambda entry: entry.thread.partner_id, GoOn()),
            ),
            emits=partial(address, internal=frozenset(settings.internal_statuses)),
            writes=(topics.ORDER_CASES,),
        ),
        Fold(
            name="moves",
            state=Owner,
            inputs=(
                on(
                    topics.ORDER_THREADS,
                    lambda entry: entry.order_ref,
                    partial(moves, keep_ms=settings.keep_days * DAY_MS),
                    lookups=(ORDERS.by(lambda entry: entry.order_ref, GoOn()),),
                ),
            ),
            writes=(topics.CUSTOMER_CASES,),
            on_timer=on_timer(lambda _: iter((Forget(),))),
        ),
        Fold(
            name="assign",
            state=Ears,
            inputs=(
                on(
                    topics.ORDER_CASES,
                    lambda case: case.customer_ref,
                    assigning.assign,
                    lookups=(CUSTOMERS.by(lambda case: case.customer_ref, profile),),
                ),
                on(topics.FILED_FEEDBACK, lambda feedback: feedback.customer_ref, assigning.note),
                on(topics.CUSTOMER_RECOVERIES, lambda fact: fact.customer_ref, assigning.recovered),
            ),
            writes=(topics.CUSTOMER_CASES, topics.BRAZE_COMMANDS),
            on_timer=on_timer(assigning.forget),
        ),
    )


FLOW = Flow(
    id=FLOW_ID,
    purpose="Each case reaches the customer whose order it concerns, and one flow that speaks of it.",
    needs=("trading-grid", "braze"),
    settings=Settings,
    legs=legs,
)
