"""Feedback on an order → a comment on the partner's open thread, or a thread of its own, without who said it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec

from gridwire.records import (
    AddComment,
    BrazeFeedback,
    ExternalRef,
    FiledFeedback,
    OpenThread,
    Order,
    OrderThread,
    Related,
    ThreadLine,
    TradingGridCommand,
)
from gridwire.vocabulary import ReasonCode, ThreadKind
from streams.flow import Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.rules import trading_grid
from streams.rules.dates import arrived_at
from streams.rules.free_text import without_contacts
from streams.rules.precedence import FEEDBACK as FLOW_ID
from streams.rules.references import ORDER, external_ref, refers_to
from streams.rules.trading_grid import TERMINAL

SYSTEM = "braze"
# What concerns a partner's process, as a reason for it; the rest concerns nobody behind the shop.
REASONS: Mapping[str, ReasonCode] = {
    "delivery": ReasonCode.SHIPPING_DELAY,
    "damage": ReasonCode.DAMAGED,
    "invoice": ReasonCode.INVOICE_DISCREPANCY,
}
CLAIMED = frozenset({"damage", "invoice"})  # a claim; the rest is a service case


class Talk(msgspec.Struct, frozen=True, array_like=True):
    """An open thread of the order, as it was seen last."""

    partner_id: str | None
    version: int
    reference: ExternalRef | None
    seen_at: int


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """One order. opened: partner → the last occurrence that we opened; standing: those that have not ended yet.

    filed: ids of feedback, oldest first. ended: thread → the version at which it ended.
    """

    talks: Mapping[str, Talk] = msgspec.field(default_factory=dict)
    ended: Mapping[str, int] = msgspec.field(default_factory=dict)
    opened: Mapping[str, int] = msgspec.field(default_factory=dict)
    standing: frozenset[str] = frozenset()
    filed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filing:
    """The fold's functions. satisfied: share of the best score from which on a customer has nothing to settle.

    threads_max, filed_max: remembered per order. keep_ms: how long a quiet order is remembered.
    """

    kinds: Collection[str]
    satisfied: float
    threads_max: int
    filed_max: int
    keep_ms: int

    def thread(self, entry: OrderThread, files: Files | None) -> Effects:
        """Which threads of the order are open, by whom."""
        files, thread = files or Files(), entry.thread
        if thread.kind not in self.kinds:
            yield Filtered("kind concerns no customer")
            return
        known = files.talks.get(thread.thread_id)
        newest = max(known.version if known else 0, files.ended.get(thread.thread_id, 0))
        if thread.version < newest:
            yield Filtered("older version")
            return
        talks = {name: one for name, one in files.talks.items() if name != thread.thread_id}
        ended = {name: at for name, at in files.ended.items() if name != thread.thread_id}
        standing = files.standing
        partner = thread.partner_id or ""
        if thread.status in TERMINAL:
            ended[thread.thread_id] = thread.version
            last = external_ref(entry.order_ref, partner, files.opened.get(partner, 0))
            standing -= {partner} if refers_to(thread, SYSTEM, last) else frozenset()
        else:
            seen_at = arrived_at(entry)
            reference = thread.external_refs[0] if thread.external_refs else None
            talks[thread.thread_id] = Talk(thread.partner_id, thread.version, reference, seen_at)
        after = msgspec.structs.replace(
            files,
            talks=_newest(talks, self.threads_max),
            ended=dict(list(ended.items())[-self.threads_max :]),
            standing=standing,
        )
        yield from self._kept(after, arrived_at(entry))

    def feedback(self, feedback: BrazeFeedback, files: Files | None, order: Order) -> Effects:
        """What a customer said reaches the partner whose process it concerns."""
        files = files or Files()
        partner = _partner_of(feedback, order)
        why_not = self._unfiled(feedback, files, order, partner)
        if why_not or partner is None:
            yield Filtered(why_not or "no partner behind it")
            return
        talk = _talk_with(files, partner)
        content = not self._unhappy(feedback)
        if content and talk is None and partner not in files.standing:
            yield Filtered("satisfied customer")
            return
        filed = (*files.filed, feedback.feedback_id)[-self.filed_max :]
        after = msgspec.structs.replace(files, filed=filed)
        if talk is not None:
            yield _comment(feedback, order, talk[0], talk[1].reference)
            yield _filed(feedback, order, thread_id=talk[0])
        elif partner in files.standing:
            reference = external_ref(order.order_ref, partner, files.opened[partner])
            own = ExternalRef(system=SYSTEM, type=ORDER, id=reference)
            yield _comment(feedback, order, None, own)
            yield _filed(feedback, order, reference=reference)
        else:
            occurrence = files.opened.get(partner, 0) + 1
            reference = external_ref(order.order_ref, partner, occurrence)
            yield _opened(feedback, order, partner, reference)
            yield _filed(feedback, order, reference=reference)
            after = msgspec.structs.replace(
                after,
                opened={**files.opened, partner: occurrence},
                standing=files.standing | {partner},
            )
        yield from self._kept(after, arrived_at(feedback))

    def forget(self, _: Fired[Files]) -> Effects:
        """The order has long been quiet."""
        yield Forget()

    def _kept(self, files: Files, now_ms: int) -> Effects:
        yield Keep(files)
        yield SetTimer("forget", now_ms + self.keep_ms)

    def _unfiled(
        self, feedback: BrazeFeedback, files: Files, order: Order, partner: str | None
    ) -> str:
        if feedback.concerns not in REASONS:
            return "concerns no partner process"
        if order.customer_ref not in (None, feedback.customer_ref):
            return "another customer's order"
        if feedback.feedback_id in files.filed:
            return "filed already"
        return "" if partner else "no partner behind it"

    def _unhappy(self, feedback: BrazeFeedback) -> bool:
        """A low rating or a sign of leaving is; a survey by its score, and where it has none."""
        if feedback.kind in ("low_rating", "churn_signal"):
            return True
        if feedback.score is None or not feedback.scale_max:
            return True
        return feedback.score / feedback.scale_max < self.satisfied


def _partner_of(feedback: BrazeFeedback, order: Order) -> str | None:
    """Who supplies the product, or else most of the order; ties go to the smallest id."""
    named = [line for line in order.lines if feedback.sku and line.sku == feedback.sku]
    units: Counter[str] = Counter()
    for line in named or order.lines:
        if line.partner_id is not None:
            units[line.partner_id] += line.quantity
    return min(units, key=lambda partner: (-units[partner], partner), default=None)


def _talk_with(files: Files, partner: str) -> tuple[str, Talk] | None:
    """The thread with this partner that moved last."""
    found = [(name, one) for name, one in files.talks.items() if one.partner_id == partner]
    return max(found, key=lambda item: (item[1].seen_at, item[0]), default=None)


def _newest(talks: Mapping[str, Talk], threads_max: int) -> dict[str, Talk]:
    newest = sorted(talks, key=lambda name: (talks[name].seen_at, name))[-threads_max:]
    return {name: talks[name] for name in newest}


def _words(feedback: BrazeFeedback) -> str:
    """What was asked and answered; free text without contacts, and without who said it."""
    parts = [f"A customer's {feedback.kind.replace('_', ' ')} about {feedback.concerns}."]
    if feedback.question:
        parts.append(f"Asked: {without_contacts(feedback.question, feedback.customer_ref)}")
    if feedback.score is not None:
        best = f" of {feedback.scale_max:g}" if feedback.scale_max else ""
        parts.append(f"Score: {feedback.score:g}{best}.")
    if feedback.text:
        parts.append(f"In their words: {without_contacts(feedback.text, feedback.customer_ref)}")
    return " ".join(parts)


def _comment(
    feedback: BrazeFeedback, order: Order, thread_id: str | None, reference: ExternalRef | None
) -> TradingGridCommand:
    comment = AddComment(
        external_ref=reference.id if reference else "",
        system=reference.system if reference else "",
        thread_id=thread_id,
        body=_words(feedback),
        visibility="shared",
        source_ref=f"{FLOW_ID}:{feedback.feedback_id}",
    )
    return trading_grid.add_comment(FLOW_ID, order.order_ref, comment)


def _opened(
    feedback: BrazeFeedback, order: Order, partner: str, reference: str
) -> TradingGridCommand:
    claim = feedback.concerns in CLAIMED
    reason = REASONS[feedback.concerns]
    thread = OpenThread(
        external_ref=reference,
        system=SYSTEM,
        kind=ThreadKind.CLAIM if claim else ThreadKind.SERVICE_CASE,
        subject=f"Order {order.order_ref}: a customer about {feedback.concerns}",
        body=_words(feedback),
        priority="high" if feedback.kind in ("low_rating", "churn_signal") else "normal",
        partner_id=partner,
        related=(Related(type=ORDER, id=order.order_ref),),
        lines=tuple(
            ThreadLine(
                line_ref=line.line_ref, sku=line.sku, quantity=line.quantity, reason_code=reason
            )
            for line in order.lines
            if line.partner_id == partner and feedback.sku in (None, line.sku)
        ),
        custom={"reasons": reason, "feedback_kind": feedback.kind},
    )
    return trading_grid.open_thread(FLOW_ID, order.order_ref, thread)


def _filed(
    feedback: BrazeFeedback, order: Order, *, thread_id: str | None = None, reference: str = ""
) -> FiledFeedback | Filtered:
    """For whoever closes the loop. Cases of a guest's order reach no customer, so nobody waits for its end."""
    if order.customer_ref is None:
        return Filtered("filed for a guest, who hears no answer")
    return FiledFeedback(
        customer_ref=feedback.customer_ref,
        order_ref=order.order_ref,
        feedback_id=feedback.feedback_id,
        kind=feedback.kind,
        thread_id=thread_id,
        external_ref=reference,
        system=SYSTEM if reference else "",
    )
