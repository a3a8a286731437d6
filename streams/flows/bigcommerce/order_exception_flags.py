"""What is wrong with an order: flags per line, from the order itself, its payments, messages, stock and the time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import BigCommerceLine, BigCommerceOrder, OrderStatus, Product, ThreadLine
from gridwire.vocabulary import ReasonCode
from streams.rules.dates import DAY_MS
from streams.rules.matters import Matter
from streams.rules.orders import ENDED, NOT_ORDERED, SHIPPED, status_of, units_open

DECLINED = "declined"
PAID = frozenset({"authorized", "captured", "capture pending", "paid"})
MANUAL_VERIFICATION = "manual_verification"


class CaseLine(msgspec.Struct, frozen=True, array_like=True):
    """One line. `needed`: units not refunded; `open`: of them still to ship. `short`: above what can be sold.

    `partner_id` is who supplied it when it was first seen. `due_at`: when it should have shipped.
    """

    line_ref: str
    sku: str
    needed: int
    open: int
    partner_id: str | None
    short: bool
    due_at: int


class OrderCase(msgspec.Struct, frozen=True, array_like=True):
    """The state of one order.

    declined: the last payment transaction was declined; paid_at: when the last one was. held_for: reasons that the
    staff notes give for manual verification. flagged: ids of flagged messages. matters: our threads, by audience.
    clock_ms: the latest time seen.
    """

    version: int = -1
    status: OrderStatus = "unknown"
    payment_declined: bool = False
    created_at: int = 0
    lines: tuple[CaseLine, ...] = ()
    held_for: tuple[str, ...] = ()
    declined: bool = False
    paid_at: int = 0
    flagged: tuple[int, ...] = ()
    matters: Mapping[str, Matter] = msgspec.field(default_factory=dict)
    clock_ms: int = 0


@dataclass(frozen=True, slots=True)
class Flagging:
    """How orders are judged. keywords: what staff notes say → reason code. delay_statuses: statuses in which an
    order that has not shipped is late after `handling_days` (or the product's own).
    """

    keywords: Mapping[str, str]
    handling_days: int
    delay_statuses: Collection[str]

    def seen(
        self,
        order: BigCommerceOrder,
        case: OrderCase,
        products: Mapping[str, Product],
        suppliers: Mapping[str, str],
    ) -> OrderCase:
        """The case with the order as it now is. `suppliers`: sku → partner."""
        status = status_of(order.status_id)
        before = {line.line_ref: line for line in case.lines}
        lines = tuple(
            self._line(line, order, before.get(line.line_ref), products, suppliers)
            for line in order.lines
        )
        paid_since = order.payment_status in PAID and order.modified_at >= case.paid_at
        held = self._held_for(order.staff_notes) if status == MANUAL_VERIFICATION else ()
        after = msgspec.structs.replace(
            case,
            version=order.version,
            status=status,
            payment_declined=DECLINED in (status, order.payment_status),
            declined=case.declined and not paid_since,
            created_at=order.created_at,
            lines=lines,
            held_for=held,
        )
        return with_stock(after, products)

    def _line(
        self,
        line: BigCommerceLine,
        order: BigCommerceOrder,
        before: CaseLine | None,
        products: Mapping[str, Product],
        suppliers: Mapping[str, str],
    ) -> CaseLine:
        known = before if before and before.sku == line.sku else None
        product = products.get(line.sku)
        days = product.handling_days if product else None
        days = self.handling_days if days is None else days
        return CaseLine(
            line_ref=line.line_ref,
            sku=line.sku,
            needed=max(0, line.quantity - line.quantity_refunded),
            open=units_open(line, status_of(order.status_id)),
            partner_id=(known.partner_id if known else None) or suppliers.get(line.sku),
            short=known.short if known else False,
            due_at=order.created_at + days * DAY_MS,
        )

    def _held_for(self, notes: str) -> tuple[str, ...]:
        """Reasons that the notes name; the notes themselves go no further."""
        text = notes.casefold()
        found = [reason for word, reason in self.keywords.items() if word.casefold() in text]
        return tuple(dict.fromkeys(found)) or (ReasonCode.MANUAL_VERIFICATION.value,)

    def flags(self, case: OrderCase) -> dict[str, tuple[CaseLine, ...]]:
        """Reason code → lines concerned, for what is wrong now."""
        if case.status in ENDED:
            return {}
        open_lines = tuple(line for line in case.lines if line.open > 0)
        whole = open_lines or case.lines
        found: dict[str, tuple[CaseLine, ...]] = {}
        if case.payment_declined or case.declined:
            found[ReasonCode.PAYMENT_FAILURE] = whole
        found |= dict.fromkeys(case.held_for, whole)
        if case.flagged:
            found[ReasonCode.CUSTOMER_MESSAGE] = whole
        found[ReasonCode.INVENTORY_SHORTAGE] = tuple(line for line in open_lines if line.short)
        if case.status in self.delay_statuses:
            late = tuple(line for line in open_lines if line.due_at <= case.clock_ms)
            found[ReasonCode.SHIPPING_DELAY] = late
        lineless = {ReasonCode.INVENTORY_SHORTAGE, ReasonCode.SHIPPING_DELAY}
        return {reason: lines for reason, lines in found.items() if lines or reason not in lineless}


def with_stock(case: OrderCase, products: Mapping[str, Product]) -> OrderCase:
    """The case with its lines judged by the stock as it now is."""
    needed: dict[str, int] = {}
    for line in case.lines:
        needed[line.sku] = needed.get(line.sku, 0) + line.needed
    lines = tuple(
        msgspec.structs.replace(
            line, short=_short(line, needed[line.sku], products.get(line.sku), case)
        )
        for line in case.lines
    )
    return msgspec.structs.replace(case, lines=lines)


def _short(line: CaseLine, needed: int, product: Product | None, case: OrderCase) -> bool:
    """Whether the shop has too little for a line.

    A stock reading from before the order must cover it. A later one has the order deducted already: then less than
    nothing is too little; and as the shop may stop at nothing, a line that was short stays so until there is some.
    """
    if case.status in SHIPPED | ENDED | NOT_ORDERED or line.open == 0:
        return False
    if product is None or product.available_to_sell is None:
        return False
    if (product.stock_at or 0) < case.created_at:
        return needed > product.available_to_sell
    if product.available_to_sell != 0:
        return product.available_to_sell < 0
    before = _before(product, case.created_at)
    return line.short or (before is not None and needed > before)


def _before(product: Product, created_at: int) -> int | None:
    """What could be sold before the order, as far as we read it."""
    if product.stock_since is not None and product.stock_since < created_at:
        return product.available_to_sell  # it has not changed since
    if product.stock_before_at is not None and product.stock_before_at < created_at:
        return product.available_before
    return None


def by_audience(
    flags: Mapping[str, Sequence[CaseLine]], internal: Collection[str], internally: str
) -> dict[str, dict[str, tuple[ThreadLine, ...]]]:
    """Audience → reason → lines: reasons that only concern us, and lines without a partner, stay internal."""
    found: dict[str, dict[str, list[CaseLine]]] = {}
    for reason, lines in flags.items():
        if reason in internal or not lines:
            found.setdefault(internally, {})[reason] = list(lines)
            continue
        for line in lines:
            audience = line.partner_id or internally
            found.setdefault(audience, {}).setdefault(reason, []).append(line)
    return {
        audience: {reason: _thread_lines(reason, lines) for reason, lines in reasons.items()}
        for audience, reasons in found.items()
    }


def _thread_lines(reason: str, lines: Iterable[CaseLine]) -> tuple[ThreadLine, ...]:
    return tuple(
        ThreadLine(
            line_ref=line.line_ref,
            sku=line.sku,
            quantity=line.open or line.needed,
            reason_code=reason,
        )
        for line in lines
    )


def next_due_ms(case: OrderCase) -> int | None:
    """When the next open line will be late."""
    times = [line.due_at for line in case.lines if line.open > 0 and line.due_at > case.clock_ms]
    return min(times, default=None)
