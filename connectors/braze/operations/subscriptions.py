"""Subscription groups: the same state of one group for many users in one request."""

from collections.abc import Sequence
from typing import Any

from connectors.braze import endpoints
from connectors.kit.connector import Bulk, BulkSteps, Done, Item, Operation, Request, Steps, Written
from gridwire.records import BrazeCommand, SetSubscription

USERS_MAX = 50


def operations() -> tuple[Operation, ...]:
    """Setting a state twice is setting it once."""
    bulk = Bulk(
        steps=set_subscriptions,
        items_max=USERS_MAX,
        group=lambda _command, body: (body.group_id, body.state),
    )
    return (
        Operation("set_subscription", "natural", set_subscription, bulk, writes=_subscription_set),
    )


def _subscription_set(body: SetSubscription) -> Written:
    return frozenset({("subscription", body.customer_ref, body.group_id)})


def set_subscription(_command: BrazeCommand, body: SetSubscription) -> Steps:
    """One user's state in one group."""
    yield _request(body, [body.customer_ref])
    return Done()


def set_subscriptions(items: Sequence[Item]) -> BulkSteps:
    """One state in one group for several users."""
    refs = list(dict.fromkeys(item.body.customer_ref for item in items))
    yield _request(items[0].body, refs)
    return [Done()] * len(items)


def _request(body: SetSubscription, refs: list[str]) -> Request:
    group: dict[str, Any] = {
        "subscription_group_id": body.group_id,
        "subscription_state": body.state,
        "external_ids": refs,
    }
    return Request("POST", endpoints.SUBSCRIPTION, json={"subscription_groups": [group]})
