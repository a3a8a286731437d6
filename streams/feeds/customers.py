"""Profiles and engagement events of Braze → the customers table."""

from collections.abc import Sequence
from typing import TypeVar, cast

from gridwire import topics
from gridwire.records import BrazeProfile, Consent, Customer, Engagement
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

T = TypeVar("T")
CONSENTS = ("opted_in", "subscribed", "unsubscribed")


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
    """The row with what the fact says. An older fact only fills in what is not known; the version is the time."""
    newer = row is None or fact.occurred_at >= row.version
    old = row or Customer(
        customer_ref=fact.customer_ref,
        known_to_braze=fact.known,
        email="unknown",
        push="unknown",
        sms="unknown",
    )
    yield Keep(
        Customer(
            version=max(fact.occurred_at, old.version),
            occurred_at=max(fact.occurred_at, old.occurred_at),
            customer_ref=fact.customer_ref,
            known_to_braze=fact.known if newer else old.known_to_braze,
            email=_consent(fact.email, old.email, newer=newer),
            push=_consent(fact.push, old.push, newer=newer),
            sms=_consent(fact.sms, old.sms, newer=newer),
            value_tier=_either(fact.value_tier, old.value_tier, newer=newer),
            churn_risk=_either(fact.churn_risk, old.churn_risk, newer=newer),
            region=_either(fact.region, old.region, newer=newer),
        )
    )


def _either(said: T | None, held: T | None, *, newer: bool) -> T | None:
    if said is None or held is None:
        return held if said is None else said
    return said if newer else held


def _consent(said: str | None, held: Consent, *, newer: bool) -> Consent:
    if said not in CONSENTS or (held != "unknown" and not newer):
        return held
    return cast("Consent", said)


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
