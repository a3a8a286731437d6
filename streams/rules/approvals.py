"""What a flow may not decide alone: it asks people, and goes on when they have decided or nobody did in time."""

from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from gridwire.records import Approval, ApprovalDecision

DECIDED = ("granted", "refused")


def asked(
    flow: str,
    key: str,
    *,
    about: str,
    question: str,
    order_ref: str | None,
    amount_minor: int,
    limit_minor: int,
    currency: str,
    asked_at: int,
    expires_at: int,
) -> Approval:
    """The question. key: of the flow's state, where the decision must lead; about: the thing, unique within the key.

    amount_minor, limit_minor: what is wanted and what is allowed without asking, in the currency's minor units;
    asked_at, expires_at: epoch milliseconds.
    """
    return Approval(
        approval_id=str(uuid5(NAMESPACE_URL, f"{flow}/{key}/{about}/{asked_at}")),
        flow=flow,
        key=key,
        question=question,
        order_ref=order_ref,
        amount_minor=amount_minor,
        currency=currency,
        limit_minor=limit_minor,
        asked_at=asked_at,
        expires_at=expires_at,
    )


def key_for(flow: str) -> Callable[[ApprovalDecision], str | None]:
    """The key of a flow's own decisions; None for those of others."""
    return lambda decision: decision.key if decision.flow == flow else None
