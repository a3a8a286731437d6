"""Keeps a case per order: takes in what happens to it, and keeps its Trading Grid threads up to date with it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import (
    BigCommerceOrder,
    BigCommerceOrderMessage,
    BigCommerceTransaction,
    OrderThread,
    Partner,
    Product,
)
from gridwire.vocabulary import ResolutionAction, ThreadKind, ThreadStatus
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.flows.bigcommerce.order_exception_flags import (
    Flagging,
    OrderCase,
    by_audience,
    next_due_ms,
    with_stock,
)
from streams.rules.matters import Ending, Matter, Priority, Subject, heard, label, reconciled
from streams.rules.orders import SHIPPED
from streams.rules.partners import supplier_of
from streams.rules.references import INTERNAL

FLOW_ID = "bigcommerce.order-exception"
SYSTEM = "bigcommerce"
MONEY_BACK = frozenset({"refund", "void"})  # their failing is no payment failure of the order


@dataclass(frozen=True, slots=True)
class Cases:
    """The fold's functions. internal: reasons that only concern internal operations.

    recheck_ms: how often stock is looked at again while a line is short. keep_ms: how long a quiet order is kept.
    """

    flagging: Flagging
    internal: Collection[str]
    priorities: Mapping[str, Priority]
    due_hours: Mapping[Priority, int]
    recheck_ms: int
    keep_ms: int
    messages_max: int

    def order(
        self,
        order: BigCommerceOrder,
        case: OrderCase | None,
        products: Mapping[str, Product],
        partners: Mapping[str, tuple[Partner, ...]],
    ) -> Effects:
        """The order as it now is; an older version never overwrites a newer one."""
        before = _at(case, order.occurred_at)
        if order.version < before.version:
            yield Filtered("older version")
            return
        found = {sku: supplier_of(some) for sku, some in partners.items()}
        suppliers = {sku: partner.partner_id for sku, partner in found.items() if partner}
        after = self.flagging.seen(order, before, products, suppliers)
        moved = before.version >= 0 and before.status != after.status
        news = f"The order is now {label(after.status)}." if moved else ""
        yield from self._brought_up_to_date(order.order_ref, after, news)

    def message(self, message: BigCommerceOrderMessage, case: OrderCase | None) -> Effects:
        """A message is flagged, or not any more. Its text stays where it is: it may name people."""
        before = _at(case, message.occurred_at)
        known = message.message_id in before.flagged
        if known == message.is_flagged:
            yield Filtered("message not flagged" if not known else "no change")
            return
        if not known and len(before.flagged) >= self.messages_max:
            yield Filtered("too many flagged messages")
            return
        others = tuple(one for one in before.flagged if one != message.message_id)
        flagged = others if known else (*others, message.message_id)
        after = msgspec.structs.replace(before, flagged=flagged)
        yield from self._brought_up_to_date(message.order_ref, after)

    def transaction(self, transaction: BigCommerceTransaction, case: OrderCase | None) -> Effects:
        """The last payment was declined, or went through."""
        before = _at(case, transaction.occurred_at)
        if transaction.type in MONEY_BACK:
            yield Filtered("not a payment")
            return
        if transaction.occurred_at < before.paid_at:
            yield Filtered("older transaction")
            return
        after = msgspec.structs.replace(
            before, declined=transaction.declined, paid_at=transaction.occurred_at
        )
        yield from self._brought_up_to_date(transaction.order_ref, after)

    def thread(self, entry: OrderThread, case: OrderCase | None) -> Effects:
        """People closed or reopened one of our threads; our own writes that come back change nothing."""
        matters = heard(SYSTEM, entry.order_ref, case.matters, entry.thread) if case else None
        if case is None or matters is None:
            yield Filtered("no news of our threads")
            return
        yield Keep(msgspec.structs.replace(case, matters=matters))

    def due(self, fired: Fired[OrderCase], products: Mapping[str, Product]) -> Effects:
        """A line is late, stock is looked at again, or the order has long been quiet."""
        if fired.name == "forget":
            yield Forget()
            return
        at_ms = fired.due_ms if fired.name == "late" else fired.now_ms
        case = with_stock(_at(fired.state, at_ms), products)
        yield from self._brought_up_to_date(fired.key, case, happened_at=fired.due_ms)

    def _brought_up_to_date(
        self, order_ref: str, case: OrderCase, news: str = "", happened_at: int = 0
    ) -> Effects:
        """Compares what is wrong with what the threads say."""
        flags = self.flagging.flags(case)
        wanted = by_audience(flags, self.internal, INTERNAL)
        subject = self._subject(order_ref, case, news, happened_at)
        matters = dict(case.matters)
        commands = 0
        for audience in sorted({*wanted, *matters}):
            matter, said = reconciled(
                subject, audience, matters.get(audience, Matter()), wanted.get(audience, {})
            )
            if matter.occurrence:
                matters[audience] = matter
            commands += len(said)
            yield from said
        if not commands and not happened_at:  # a timer is no record that could be filtered
            yield Filtered("nothing new is wrong" if flags else "order is normal")
        yield Keep(msgspec.structs.replace(case, matters=matters))
        yield from self._timers(case)

    def _timers(self, case: OrderCase) -> Effects:
        late_at = next_due_ms(case)
        yield CancelTimer("late") if late_at is None else SetTimer("late", late_at)
        if any(line.short for line in case.lines):
            yield SetTimer("recheck", case.clock_ms + self.recheck_ms)
        else:
            yield CancelTimer("recheck")
        yield SetTimer("forget", case.clock_ms + self.keep_ms)

    def _subject(self, order_ref: str, case: OrderCase, news: str, happened_at: int) -> Subject:
        return Subject(
            flow=FLOW_ID,
            system=SYSTEM,
            kind=ThreadKind.ORDER_EXCEPTION,
            order_ref=order_ref,
            status=case.status,
            now_ms=case.clock_ms,
            priorities=self.priorities,
            due_hours=self.due_hours,
            news=news,
            ending=_ending(case),
            happened_at=happened_at,
        )


def _at(case: OrderCase | None, now_ms: int) -> OrderCase:
    case = case or OrderCase()
    return msgspec.structs.replace(case, clock_ms=max(case.clock_ms, now_ms))


def _ending(case: OrderCase) -> Ending:
    if case.status == "cancelled":
        note = "The order was cancelled."
        return Ending(ThreadStatus.CANCELLED, "order_cancelled", ResolutionAction.CANCEL, note)
    if case.status == "refunded":
        note = "The order was refunded."
        return Ending(ThreadStatus.RESOLVED, "order_refunded", ResolutionAction.REFUND, note)
    if case.status in SHIPPED:
        note = "The order has shipped."
        return Ending(ThreadStatus.RESOLVED, "shipped", ResolutionAction.SHIP, note)
    note = f"The order is back to normal: {label(case.status)}."
    return Ending(ThreadStatus.RESOLVED, "back_to_normal", ResolutionAction.NONE, note)
