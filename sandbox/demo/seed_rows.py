"""Rows that stories seed alike: a partner, and shoppers whom the shop and Braze know by the same ids and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.demo.story import Cast

NO_MESSAGES = {"email": "unsubscribed", "push": "unsubscribed"}


def supplier(cast: Cast, name: str, *skus: str, title: str = "") -> dict[str, Any]:
    """An active partner of Trading Grid that supplies these skus. title: its name, where it is not `name`."""
    return {
        "id": cast.partner(name),
        "name": title or name.capitalize(),
        "status": "active",
        "roles": ["supplier"],
        "skus": list(skus),
    }


def email(cast: Cast, name: str) -> str:
    """A shopper's address."""
    return f"{name}.{cast.run}@shopper.example"


def shop_customers(cast: Cast, names: Sequence[str]) -> list[dict[str, Any]]:
    """Accounts in BigCommerce; the customer's number is the place among `names`."""
    return [
        {"id": cast.number(n), "email": email(cast, name), "first_name": name.title()}
        for n, name in enumerate(names)
    ]


def braze_user(
    cast: Cast, names: Sequence[str], n: int, *, subscribed: bool = True, **attributes: str
) -> dict[str, Any]:
    """The profile of customer `n` in Braze. subscribed: not, where they want no messages."""
    return {
        "external_id": cast.customer(n),
        "attributes": {"email": email(cast, names[n]), **attributes},
        "consent": {} if subscribed else NO_MESSAGES,
    }


def braze_users(
    cast: Cast, names: Sequence[str], *, unsubscribed: int | None = None
) -> list[dict[str, Any]]:
    """The profiles of all; one of them may want no messages."""
    return [braze_user(cast, names, n, subscribed=n != unsubscribed) for n in range(len(names))]
