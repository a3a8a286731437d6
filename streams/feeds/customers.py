"""Profiles and engagement events of Braze → the customers table."""

from collections.abc import Sequence
from typing import Any

from gridwire import topics
from gridwire.records import BrazeProfile, Customer, Engagement
from streams.flow import (
    Caused,
    Columns,
    Effects,
    Filtered,
    Flow,
    Fold,
    Keep,
    Leg,
    NoSettings,
    Rows,
    on,
)
from streams.tables import CUSTOMERS

CONSENTS = ("opted_in", "subscribed", "unsubscribed")
CHANNELS = ("email", "push", "sms")
ATTRIBUTES = ("value_tier", "churn_risk", "region")
NEVER_MS = -(2**63)  # before anything that a fact may say


def seen(events: Sequence[Engagement], rows: Rows) -> Effects:
    """Facts that the table does not hold yet: a user that Braze knows, an e-mail unsubscribed."""
    told: set[tuple[str, bool]] = set()
    known = anonymous = 0
    for event in events:
        unsubscribed = event.kind == "email_unsubscribe"
        if not event.identified:
            anonymous += 1
        elif (event.user_id, unsubscribed) in told or not _is_news(event, rows):
            known += 1
        else:
            told.add((event.user_id, unsubscribed))
            email = "unsubscribed" if unsubscribed else None
            yield Caused(event, BrazeProfile(customer_ref=event.user_id, known=True, email=email))
    if known:
        yield Filtered("customer already known", known)
    if anonymous:
        yield Filtered("user not identified", anonymous)


def _is_news(event: Engagement, rows: Rows) -> bool:
    row = rows.get(CUSTOMERS, event.user_id)
    if row is None or not row.known_to_braze:
        return True
    return event.kind == "email_unsubscribe" and row.email != "unsubscribed"


def merge(fact: BrazeProfile, row: Customer | None) -> Effects:
    """The row with what the fact says. Facts come in any order: each field goes by when it was last spoken of.

    The version is the time of the newest fact; only whether Braze knows the customer goes by it, as all facts say so.
    """
    old = row or _blank(fact)
    said = _newer(fact, old)
    held = {name: getattr(old, name) for name in (*CHANNELS, *ATTRIBUTES)}
    yield Keep(
        Customer(
            version=max(fact.occurred_at, old.version),
            occurred_at=max(fact.occurred_at, old.occurred_at),
            customer_ref=fact.customer_ref,
            known_to_braze=fact.known if fact.occurred_at >= old.version else old.known_to_braze,
            said_at={**old.said_at, **dict.fromkeys(said, fact.occurred_at)},
            **(held | said),
        )
    )


def _blank(fact: BrazeProfile) -> Customer:
    return Customer(
        customer_ref=fact.customer_ref,
        known_to_braze=fact.known,
        email="unknown",
        push="unknown",
        sms="unknown",
    )


def _newer(fact: BrazeProfile, row: Customer) -> dict[str, Any]:
    """Field → value, of those about which nothing newer is known."""
    consents = {name: getattr(fact, name) for name in CHANNELS if getattr(fact, name) in CONSENTS}
    others = {name: getattr(fact, name) for name in ATTRIBUTES if getattr(fact, name) is not None}
    return {
        name: value
        for name, value in {**consents, **others}.items()
        if fact.occurred_at >= _said_at(row, name)
    }


def _said_at(row: Customer, name: str) -> int:
    """Rows from before fields had times of their own go by their version, where something is known."""
    unknown = getattr(row, name) in (None, "unknown")
    return row.said_at.get(name, NEVER_MS if unknown else row.version)


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        Columns(
            name="seen",
            reads=topics.BRAZE_ENGAGEMENT,
            tables=(CUSTOMERS,),
            rows=seen,
            writes=(topics.CUSTOMER_FACTS,),
        ),
        Fold(
            name="merge",
            state=CUSTOMERS,
            inputs=(
                on(topics.BRAZE_PROFILES, lambda profile: profile.customer_ref, merge),
                on(topics.CUSTOMER_FACTS, lambda fact: fact.customer_ref, merge),
            ),
            writes=(),
        ),
    )


FLOW = Flow(
    id="feed.customers",
    purpose="What is known of each customer: consent, segment, region.",
    needs=("braze",),
    settings=NoSettings,
    legs=legs,
)
