"""Engagement as Currents tells it: a seeded stream of opens, clicks, views, carts and purchases.

The same options give the same events, ids included; another seed gives other ids.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sandbox.core.simulator import ControlError

EVENTS_MAX = 200_000
LIST_MAX = 100_000
WEIGHTS = {
    "email_open": 22,
    "email_click": 18,
    "push_open": 8,
    "product_viewed": 25,
    "cart_updated": 12,
    "order_placed": 7,
    "purchase": 8,
}
PRICES = (9.99, 19.0, 24.5, 49.9, 99.0)
TIMEZONES = ("Europe/Berlin", "America/Chicago", "Asia/Tokyo")

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """n unique events spread over `span_s` from `start_s`; shares are from 0 to 1.

    duplicates: events posted twice. bots: of the clicks. machine_opens: of the e-mail opens.
    late: events whose time lies `late_by_s` before their place in the stream.
    no_region: of the shop events, without a region property.
    """

    start_s: float
    n: int = 1_000
    users: int = 100
    skus: tuple[str, ...] = tuple(f"SKU-{number:03d}" for number in range(1, 21))
    regions: tuple[str, ...] = ("north", "south", "east", "west")
    seed: int = 1
    span_s: float = 600.0
    duplicates: float = 0.0
    bots: float = 0.0
    machine_opens: float = 0.0
    late: float = 0.0
    late_by_s: float = 900.0
    no_region: float = 0.0
    user_prefix: str = "customer-"


def parse_options(body: dict[str, Any], now_s: float) -> Options:
    """Raises ControlError."""
    span_s = body.get("span_s", 600.0)
    given = {"start_s": now_s - span_s, **body}
    for name, prefix in (("skus", "SKU-"), ("regions", "region-")):
        if isinstance(given.get(name), int):
            given[name] = [f"{prefix}{number:03d}" for number in range(1, given[name] + 1)]
        if name in given:
            given[name] = tuple(given[name])
    try:
        options = Options(**given)
    except TypeError as error:
        raise ControlError(f"engagement takes {list(Options.__slots__)}: {error}") from error
    if not 1 <= options.n <= EVENTS_MAX or not 1 <= options.users <= LIST_MAX:
        raise ControlError(f"n is 1 to {EVENTS_MAX}, users 1 to {LIST_MAX}")
    if not options.skus or not options.regions or len(options.skus) > LIST_MAX:
        raise ControlError("skus and regions must not be empty")
    return options


@dataclass(slots=True)
class Generator:
    """Carts stay open per user until an order takes them, so abandoned carts come about."""

    options: Options
    dice: random.Random
    carts: dict[int, Event] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def event(self, place: int) -> Event:
        options = self.options
        kind = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        user = self.dice.randrange(options.users)
        at_s = options.start_s + options.span_s * place / options.n
        if self.dice.random() < options.late:
            at_s -= options.late_by_s
            self.counts["late"] += 1
        event_type, properties = self._body(kind, user)
        self.counts[event_type] += 1
        return {
            "event_type": event_type,
            "id": self._uuid(),
            "time": int(at_s),
            "user": {
                "user_id": f"{user:024x}",
                "external_user_id": f"{options.user_prefix}{user + 1:06d}",
                "timezone": TIMEZONES[user % len(TIMEZONES)],
            },
            "properties": properties,
        }

    def _uuid(self) -> str:
        return str(UUID(int=self.dice.getrandbits(128), version=4))

    def _body(self, kind: str, user: int) -> tuple[str, Event]:
        sku = self.dice.choice(self.options.skus)
        if kind.startswith("email"):
            return self._email(kind, user, sku)
        if kind == "push_open":
            properties = {**_campaign("push-launch"), "platform": "ios", "app_id": "app-1"}
            return "users.messages.pushnotification.Open", properties
        if kind == "purchase":
            price = self.dice.choice(PRICES)
            extra = {**self._region(), "quantity": self.dice.randint(1, 3)}
            return "users.behaviors.Purchase", {
                "app_id": "app-1",
                "product_id": sku,
                "price": price,
                "currency": "USD",
                "purchase_properties": extra,
            }
        custom = {**self._shop(kind, user, sku), **self._region()}
        return "users.behaviors.CustomEvent", {
            "app_id": "app-1",
            "name": f"ecommerce.{kind}",
            "custom_properties": custom,
        }

    def _email(self, kind: str, user: int, sku: str) -> tuple[str, Event]:
        common = {**_campaign("spring-news"), "email_address": f"user{user}@example.com"}
        if kind == "email_open":
            machine = self.dice.random() < self.options.machine_opens
            self.counts["machine_opens"] += machine
            return "users.messages.email.Open", {**common, "machine_open": machine}
        bot = self.dice.random() < self.options.bots
        self.counts["bots"] += bot
        return "users.messages.email.Click", {
            **common,
            "url": f"https://shop.example.com/products/{sku}",
            "link_alias": "product",
            "is_suspected_bot_click": bot,
            "suspected_bot_click_reason": ["known_scanner"] if bot else [],
        }

    def _region(self) -> Event:
        if self.dice.random() < self.options.no_region:
            return {}
        return {"region": self.dice.choice(self.options.regions)}

    def _shop(self, kind: str, user: int, sku: str) -> Event:
        line = {
            "product_id": sku,
            "product_name": f"Product {sku}",
            "variant_id": f"{sku}-1",
            "price": self.dice.choice(PRICES),
        }
        if kind == "product_viewed":
            return {**line, "currency": "USD", "source": "https://shop.example.com"}
        cart = self.carts.get(user)
        if kind == "cart_updated" or cart is None:
            lines = [*(cart or {}).get("products", []), {**line, "quantity": 1}][-5:]
            cart_id = cart["cart_id"] if cart else f"cart-{self._uuid()[:8]}"
            total = round(sum(one["price"] * one["quantity"] for one in lines), 2)
            cart = {"cart_id": cart_id, "currency": "USD", "total_value": total, "products": lines}
            self.carts[user] = cart
        if kind == "order_placed":
            del self.carts[user]
            return {**cart, "order_id": f"order-{self._uuid()[:8]}"}
        return cart


def _campaign(name: str) -> Event:
    return {"campaign_id": f"campaign-{name}", "campaign_name": name}


def generate(options: Options) -> tuple[list[Event], dict[str, int]]:
    """(events in posting order, how many of each sort); duplicates follow a few places later."""
    generator = Generator(options, random.Random(options.seed))
    events: list[Event] = []
    for place in range(options.n):
        events.append(generator.event(place))
        if generator.dice.random() < options.duplicates:
            again = generator.dice.randrange(max(0, len(events) - 50), len(events))
            events.append(events[again])
            generator.counts["duplicates"] += 1
    counts = {"unique": options.n, "posted": len(events), **generator.counts}
    counts["open_carts"] = len(generator.carts)
    return events, counts
