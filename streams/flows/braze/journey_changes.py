"""A customer's journeys: out of the one that an exception belies, into its replacement, and back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import (
    BrazeCommand,
    BrazeSchedule,
    Customer,
    CustomerCase,
    CustomerSchedules,
    OutstandingSchedule,
    Product,
)
from streams.flow import Effects, Filtered, Fired, Keep
from streams.rules import braze, consent
from streams.rules.dates import arrived_at, day
from streams.rules.orders import SHIPPED
from streams.rules.precedence import JOURNEY as FLOW_ID
from streams.rules.precedence import OVER, belies, reasons_of
from streams.rules.telling import Said
from streams.rules.told_cases import Told, ToldThread, facts
from streams.rules.trading_grid import TERMINAL

# What is remembered of a thread: the status of each order, the orders taken out of their journey, the Canvas entered
# instead, the substitute of a product concerned.
ORDER_STATUS, OUT, REPLACEMENT, SUBSTITUTE = "order/", "out/", "replacement", "substitute"
ON_ITS_WAY = SHIPPED | OVER | {"partially_shipped"}


@dataclass(frozen=True, slots=True)
class Journeys:
    """Canvas ids and names of events.

    apologies: reason → Canvas. alternative_reasons: those for which a substitute is offered.
    """

    apologies: Mapping[str, str]
    estimate: str
    alternative: str
    alternative_reasons: Collection[str]
    original: str
    exit_event: str
    end_event: str

    def say(
        self,
        fired: Fired[Told],
        thread: ToldThread,
        customer: Customer,
        schedules: CustomerSchedules | None,
        products: Mapping[str, Product],
    ) -> Said:
        """What the last status of a thread means for the journeys of its orders."""
        case = thread.pending
        if case is None:
            return thread, ()
        if case.thread.status in TERMINAL:
            return self._ended(fired, case, thread, customer)
        outstanding = schedules.outstanding if schedules else ()
        if case.speaker != FLOW_ID or case.thread.status == thread.told:
            return self._left(case, thread, outstanding, now_ms=fired.due_ms)
        return self._opened(case, thread, customer, outstanding, products, now_ms=fired.due_ms)

    def _ended(
        self, fired: Fired[Told], case: CustomerCase, thread: ToldThread, customer: Customer
    ) -> Said:
        """The exception has ended: nothing of it is remembered, and what it replaced begins again.

        Whoever may not be written to leaves the replacement all the same, and enters nothing.
        """
        if not _taken_out(thread):
            return thread, (Filtered("journey was not adjusted"),)
        others = [one for one in fired.state.threads.values() if one is not thread]
        said: list[BrazeCommand | Filtered] = []
        if REPLACEMENT in thread.memory and customer.known_to_braze:
            said.append(self._end(fired.due_ms, case, thread.thread_id))
        if why_not := consent.unreachable(customer):
            said.append(Filtered(why_not))
        else:
            said.extend(self._back(case, thread, others))
        return _forgotten(thread), said

    def _left(
        self,
        case: CustomerCase,
        thread: ToldThread,
        outstanding: Sequence[OutstandingSchedule],
        *,
        now_ms: int,
    ) -> Said:
        """An order or the reason is known only now, and the status was told: out of the journey without a message."""
        orders = _to_leave(case, thread)
        if not orders:
            adjusted = REPLACEMENT in thread.memory
            why_not = "journey adjusted already" if adjusted else "not ours to tell"
            return thread, (Filtered(why_not),)
        canvas = thread.memory.get(REPLACEMENT, "")
        memory = {**thread.memory, **{f"{OUT}{ref}": canvas for ref in orders}}
        said = self._out(now_ms, case, orders, _about(outstanding, orders, now_ms))
        return msgspec.structs.replace(thread, memory=memory), said

    def _opened(
        self,
        case: CustomerCase,
        thread: ToldThread,
        customer: Customer,
        outstanding: Sequence[OutstandingSchedule],
        products: Mapping[str, Product],
        *,
        now_ms: int,
    ) -> Said:
        """Out of the journeys of all orders that are not over, into one that says what is wrong."""
        orders = [ref for ref in thread.orders if _status(thread, ref) not in OVER]
        canvas = self._replacement(case, thread, products)
        if not orders or canvas is None:
            return thread, (Filtered("no journey for it"),)
        out = {f"{OUT}{ref}": canvas for ref in orders}
        memory = {**thread.memory, **out, REPLACEMENT: canvas}
        context = _context(case, orders, customer, _substitute(thread, products))
        said = [
            *self._out(now_ms, case, orders, _about(outstanding, orders, now_ms)),
            braze.trigger_canvas(
                FLOW_ID, case.customer_ref, canvas, context, version=case.thread.version
            ),
        ]
        return msgspec.structs.replace(thread, memory=memory), said

    def _out(
        self,
        now_ms: int,
        case: CustomerCase,
        orders: Sequence[str],
        outstanding: Sequence[OutstandingSchedule],
    ) -> Iterator[BrazeCommand]:
        """First out of the journey, then what is scheduled is taken back: only then may another journey begin."""
        version = case.thread.version
        for ref in orders:
            yield braze.track_event(
                FLOW_ID,
                case.customer_ref,
                self.exit_event,
                time_ms=now_ms,
                properties={"order_ref": ref, "case_id": case.thread.thread_id},
                repeatable=True,
                version=version,
            )
        for one in outstanding:
            yield braze.delete_schedule(FLOW_ID, case.customer_ref, one, version=version)

    def parted(self, case: CustomerCase, told: Told | None, customer: Customer) -> Effects:
        """The order is another customer's by now: this one leaves the replacements in which it was the last order."""
        out = f"{OUT}{case.order_ref}"
        left = [one for one in told.threads.values() if out in one.memory] if told else []
        if told is None or not left:
            yield Filtered("order of another customer")
            return
        after = {one.thread_id: _without_order(one, case.order_ref) for one in left}
        yield Keep(Told({**told.threads, **after}))
        for one in left:
            ended = REPLACEMENT in one.memory and REPLACEMENT not in after[one.thread_id].memory
            if ended and customer.known_to_braze:
                yield self._end(arrived_at(case), case, one.thread_id)

    def _end(self, now_ms: int, case: CustomerCase, thread_id: str) -> BrazeCommand:
        """Out of the replacement."""
        return braze.track_event(
            FLOW_ID,
            case.customer_ref,
            self.end_event,
            time_ms=now_ms,
            properties={"case_id": thread_id, "order_ref": case.order_ref},
            repeatable=True,
            version=case.thread.version,
        )

    def _back(
        self, case: CustomerCase, thread: ToldThread, others: Sequence[ToldThread]
    ) -> Iterator[BrazeCommand]:
        """Into the original again where nothing has shipped and nothing else is wrong."""
        for ref in _taken_out(thread):
            still_out = any(f"{OUT}{ref}" in other.memory for other in others)
            if not still_out and _status(thread, ref) not in ON_ITS_WAY:
                yield braze.trigger_canvas(
                    FLOW_ID,
                    case.customer_ref,
                    self.original,
                    {"order_ref": ref, "resumed": "true"},
                    version=case.thread.version,
                )

    def _replacement(
        self, case: CustomerCase, thread: ToldThread, products: Mapping[str, Product]
    ) -> str | None:
        """A date is best, then something else to have, then an apology."""
        reasons = [reason for reason in reasons_of(case) if reason in self.apologies]
        if not reasons:
            return None
        if case.thread.revised_delivery_at is not None:
            return self.estimate
        offered = any(reason in self.alternative_reasons for reason in reasons)
        if offered and _substitute(thread, products) is not None:
            return self.alternative
        return self.apologies[reasons[0]]


def remembered(case: CustomerCase, products: Mapping[str, Product]) -> dict[str, str]:
    """What a case adds to the memory of its thread. products: those concerned, by sku."""
    found = {f"{ORDER_STATUS}{case.order_ref}": str(case.order_status)}
    substitutes = [one.substitute_sku for one in products.values() if one.substitute_sku]
    return found | ({SUBSTITUTE: substitutes[0]} if substitutes else {})


def scheduled_late(fact: BrazeSchedule, told: Told | None) -> Effects:
    """A message was scheduled before, but its id is known only after its order left the journey: it is taken back."""
    threads = told.threads.values() if told is not None and fact.order_ref else ()
    left = any(f"{OUT}{fact.order_ref}" in thread.memory for thread in threads)
    due = fact.send_at is None or fact.send_at > arrived_at(fact)
    if left and due and fact.state == "created":
        yield braze.delete_schedule(FLOW_ID, fact.customer_ref, braze.outstanding(fact))
    else:
        yield Filtered("schedule stands")


def is_late(case: CustomerCase, thread: ToldThread) -> bool:
    """The status was told before this order, or this reason, was known: its journey runs on."""
    return not thread.assumed and bool(_to_leave(case, thread))


def is_end(case: CustomerCase, _: ToldThread) -> bool:
    """The exception has ended, which is noted whomever it may be told."""
    return case.thread.status in TERMINAL


def substitutes_of(state: Told) -> tuple[str, ...]:
    """Skus that could be offered instead, over all threads with news."""
    waiting = (one for one in state.threads.values() if one.pending is not None)
    found = (one.memory[SUBSTITUTE] for one in waiting if SUBSTITUTE in one.memory)
    return tuple(dict.fromkeys(found))


def _substitute(thread: ToldThread, products: Mapping[str, Product]) -> Product | None:
    """The product to offer instead, where it is in stock."""
    found = products.get(thread.memory.get(SUBSTITUTE, ""))
    return found if found is not None and (found.available_to_sell or 0) > 0 else None


def _status(thread: ToldThread, order_ref: str) -> str:
    return thread.memory.get(f"{ORDER_STATUS}{order_ref}", "")


def _to_leave(case: CustomerCase, thread: ToldThread) -> list[str]:
    """Orders that are not over, and still in the journey that the case belies."""
    if not belies(case):
        return []
    return [
        ref
        for ref in thread.orders
        if _status(thread, ref) not in OVER and f"{OUT}{ref}" not in thread.memory
    ]


def _taken_out(thread: ToldThread) -> list[str]:
    return [name.removeprefix(OUT) for name in thread.memory if name.startswith(OUT)]


def _forgotten(thread: ToldThread) -> ToldThread:
    """The thread with its journeys as they were before."""
    kept = {
        name: value
        for name, value in thread.memory.items()
        if name != REPLACEMENT and not name.startswith(OUT)
    }
    return msgspec.structs.replace(thread, memory=kept)


def _without_order(thread: ToldThread, order_ref: str) -> ToldThread:
    """The thread as if it did not name the order."""
    gone = (f"{OUT}{order_ref}", f"{ORDER_STATUS}{order_ref}")
    kept = {name: value for name, value in thread.memory.items() if name not in gone}
    orders = tuple(ref for ref in thread.orders if ref != order_ref)
    after = msgspec.structs.replace(thread, memory=kept, orders=orders)
    return after if _taken_out(after) else _forgotten(after)


def _about(
    outstanding: Sequence[OutstandingSchedule], orders: Collection[str], now_ms: int
) -> list[OutstandingSchedule]:
    """What is scheduled about these orders and has not gone out."""
    return [
        one
        for one in outstanding
        if one.order_ref in orders and (one.send_at is None or one.send_at > now_ms)
    ]


def _context(
    case: CustomerCase, orders: Sequence[str], customer: Customer, substitute: Product | None
) -> dict[str, str]:
    revised = case.thread.revised_delivery_at
    return {
        **facts(case, orders),
        "order_ref": orders[0],
        "reason": ",".join(reasons_of(case)),
        "revised_date": day(revised) if revised is not None else "",
        "substitute_sku": substitute.sku if substitute else "",
        "substitute_name": substitute.name if substitute else "",
        "channels": ",".join(consent.channels(customer)),
    }
