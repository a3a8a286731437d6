"""Approvals and what was decided of them; the first decision holds. Personal data (the key) is never shown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from gridwire import currencies
from gridwire.commands.letters.text import moment
from gridwire.ids import derived
from gridwire.records import Approval, ApprovalDecision, Decision

State = Literal["open", "granted", "refused", "expired"]
SOURCE = "gridwire/approvals"


@dataclass(frozen=True, slots=True)
class Case:
    """One approval, and the decision if there is one."""

    approval: Approval
    decision: ApprovalDecision | None = None

    def state(self, now_ms: int) -> State:
        if self.decision is not None:
            return "granted" if self.decision.decision == "granted" else "refused"
        return "expired" if self.approval.expires_at <= now_ms else "open"

    def row(self, now_ms: int) -> dict[str, Any]:
        """What is shown of it; times in epoch milliseconds."""
        asked, decided = self.approval, self.decision
        return {
            "id": asked.approval_id,
            "state": self.state(now_ms),
            "flow": asked.flow,
            "question": asked.question,
            "order_ref": asked.order_ref,
            "amount_minor": asked.amount_minor,
            "limit_minor": asked.limit_minor,
            "currency": asked.currency,
            "asked_at": asked.asked_at,
            "expires_at": asked.expires_at,
            "decided_at": decided.occurred_at if decided else None,
            "by": decided.by if decided else None,
            "note": decided.note if decided else None,
        }


@dataclass(slots=True)
class Cases:
    """All approvals by id, with the first decision of each."""

    approvals: dict[str, Approval] = field(default_factory=dict)
    decisions: dict[str, ApprovalDecision] = field(default_factory=dict)

    def read(self, found: Iterable[Approval | ApprovalDecision]) -> None:
        """In the order in which they were written. A flow that asks twice, asks once."""
        for one in found:
            if isinstance(one, Approval):
                self.approvals.setdefault(one.approval_id, one)
            elif one.decision != "unknown":
                self.decisions.setdefault(one.approval_id, one)

    def __getitem__(self, approval_id: str) -> Case | None:
        asked = self.approvals.get(approval_id)
        return None if asked is None else Case(asked, self.decisions.get(approval_id))

    def __iter__(self) -> Iterator[Case]:
        """The next to expire first."""
        ordered = sorted(self.approvals.values(), key=lambda one: (one.expires_at, one.approval_id))
        return (Case(one, self.decisions.get(one.approval_id)) for one in ordered)


def decided(
    asked: Approval, decision: Decision, by: str, note: str, now_ms: int
) -> ApprovalDecision:
    """The decision on an approval. Whoever decides a second time writes the same id: the flow takes the first."""
    return ApprovalDecision(
        event_id=derived("approval-decision", asked.approval_id),
        occurred_at=now_ms,
        produced_at=now_ms,
        source=SOURCE,
        trace_id=asked.trace_id,
        causation_id=asked.event_id,
        approval_id=asked.approval_id,
        flow=asked.flow,
        key=asked.key,
        decision=decision,
        by=by,
        note=note,
    )


# ---- text --------------------------------------------------------------------------------------------------------
WIDTHS = (36, 8, 24, 26, 14, 14, 20)


def _columns(*cells: str) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


HEAD = (
    _columns("approval", "state", "expires at", "flow", "amount", "limit", "order") + "  question"
)


def line(case: Case, now_ms: int) -> str:
    """A case in one line of a list, below HEAD."""
    asked = case.approval
    cells = _columns(
        asked.approval_id,
        case.state(now_ms),
        moment(asked.expires_at),
        asked.flow,
        currencies.amount(asked.amount_minor, asked.currency),
        currencies.amount(asked.limit_minor, asked.currency),
        asked.order_ref or "-",
    )
    return f"{cells}  {asked.question}"
