"""Engagement as Braze Currents tells it, and what must be counted of it: figures made of the events alone."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from gridwire.ids import derived
from sandbox.braze.engagement import Options, generate
from sandbox.demo.story import Cast

Event = dict[str, Any]
WINDOW_S = 300
GRACE_S = 3_600
PATIENCE_S = 300  # a cart without an order within it is abandoned
NOWHERE = ""
PRODUCT_PAGE = "/products/"  # links in e-mails name their product behind it
VOLUME = 1_500
TOO_LATE_S = 3 * 3_600

VIEW, CART, ORDER = "ecommerce.product_viewed", "ecommerce.cart_updated", "ecommerce.order_placed"
CUSTOM, PURCHASE = "users.behaviors.CustomEvent", "users.behaviors.Purchase"
KINDS = {VIEW: "product_view", CART: "cart_update", ORDER: "order_placed"}


def west(cast: Cast) -> str:
    """A region of this run alone, in a country of ISO's codes for private use."""
    return f"XW-{cast.run}"


def east(cast: Cast) -> str:
    """Another one."""
    return f"XE-{cast.run}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A window: region, sku, start in epoch seconds."""

    region: str
    sku: str
    start_s: int


@dataclass(slots=True)
class Told:
    """Makes events with ids of this run."""

    cast: Cast
    dice: random.Random

    def event(self, user: str, at_s: float, event_type: str, **properties: Any) -> Event:
        return {
            "event_type": event_type,
            "id": str(uuid.UUID(int=self.dice.getrandbits(128), version=4)),
            "time": int(at_s),
            "user": {"user_id": f"{self.dice.getrandbits(96):024x}", "external_user_id": user},
            "properties": properties,
        }

    def shop(self, user: str, at_s: float, name: str, sku: str, region: str = "") -> Event:
        """A view, a cart or an order of one unit of one product."""
        product = {"product_id": self.cast.sku(sku), "price": 20.0, "quantity": 1}
        whole = {"currency": "USD", "region": region or west(self.cast)}
        custom = {**whole, **product} if name == VIEW else {**whole, "products": [product]}
        return self.event(user, at_s, CUSTOM, name=name, custom_properties=custom)

    def click(self, user: str, at_s: float, *, bot: bool) -> Event:
        link = f"https://shop.example.com{PRODUCT_PAGE}{self.cast.sku('TENT')}"
        more = {"url": link, "is_suspected_bot_click": bot, "campaign_id": "campaign-tents"}
        return self.event(user, at_s, "users.messages.email.Click", **more)

    def open(self, user: str, at_s: float, *, machine: bool) -> Event:
        more = {"machine_open": machine, "campaign_id": "campaign-tents"}
        return self.event(user, at_s, "users.messages.email.Open", **more)


@dataclass(frozen=True, slots=True)
class Script:
    """All events of the story, in the order in which they are posted. `spike_s`: start of the window that leaps."""

    spike_s: int
    before: tuple[Event, ...]
    spike: tuple[Event, ...]
    volume: tuple[Event, ...]
    late: tuple[Event, ...]

    def all(self) -> Iterator[Event]:
        yield from (*self.before, *self.spike, *self.volume, *self.late)


def _users(cast: Cast, group: str, count: int) -> list[str]:
    return [f"{group}-{n}-{cast.run}" for n in range(count)]


@cache
def script(cast: Cast) -> Script:
    """The same cast, the same script. Its windows are past and still within their grace."""
    told = Told(
        cast, random.Random(f"told-{cast.run}")
    )  # not the dice of the crowd: ids are drawn of both
    now_s = int(cast.began_s)
    spike_s = now_s - now_s % WINDOW_S - 4 * WINDOW_S
    calm = [
        told.shop(user, spike_s - window * WINDOW_S + 10 * place, VIEW, "TENT")
        for window in (3, 2, 1)
        for place, user in enumerate(_users(cast, "calm", 3))
    ]
    return Script(
        spike_s=spike_s,
        before=tuple(calm),
        spike=tuple(_spike(told, spike_s)),
        volume=tuple(_volume(cast, spike_s)),
        late=tuple(_late(told, spike_s, now_s)),
    )


def _spike(told: Told, start_s: int) -> Iterator[Event]:
    """Thirty campers look at tents at once; what bots and machines do, and what comes twice, does not count."""
    for place, user in enumerate(_users(told.cast, "camper", 30)):
        yield told.shop(user, start_s + place, VIEW, "TENT")
    for user in _users(told.cast, "hasty", 4):  # they leave their tent in the cart
        yield told.shop(user, start_s + 100, CART, "TENT")
    for user in _users(told.cast, "buyer", 3):
        yield told.shop(user, start_s + 120, CART, "TENT")
        yield told.shop(user, start_s + 180, ORDER, "TENT")
    for user in _users(told.cast, "bot", 5):
        yield told.click(user, start_s + 60, bot=True)
        yield told.open(user, start_s + 61, machine=True)
    yield told.click("reader-" + str(told.cast.run), start_s + 62, bot=False)
    yield told.shop("lonely-" + str(told.cast.run), start_s + 63, VIEW, "TENT", east(told.cast))
    yield told.shop("stray-" + str(told.cast.run), start_s + 64, VIEW, "ORPHAN")
    twice = told.shop("echo-" + str(told.cast.run), start_s + 65, VIEW, "TENT")
    yield from (twice, twice)


def _volume(cast: Cast, spike_s: int) -> list[Event]:
    """What a shop does all day: opens, clicks, views, carts, orders, purchases, some of it twice."""
    options = Options(
        start_s=spike_s,
        n=VOLUME,
        users=150,
        skus=tuple(cast.sku(name) for name in ("STOVE", "LANTERN")),
        regions=(west(cast), east(cast)),
        seed=cast.run,
        span_s=2.0 * WINDOW_S,
        duplicates=0.05,
        bots=0.2,
        machine_opens=0.2,
        no_region=0.1,
        user_prefix=f"crowd-{cast.run}-",
    )
    return generate(options)[0]


def _late(told: Told, spike_s: int, now_s: int) -> Iterator[Event]:
    """One within the grace period, which amends its window; one that is too old for any."""
    yield told.shop("late-" + str(told.cast.run), spike_s + 200, VIEW, "TENT")
    yield told.shop("ancient-" + str(told.cast.run), now_s - TOO_LATE_S, VIEW, "TENT")


# ---- what must be counted ------------------------------------------------------------------------
def genuine(events: Iterable[Event]) -> list[Event]:
    """Each event once, without what bots and machines did."""
    first = {event["id"]: event for event in events}
    return [
        event
        for event in first.values()
        if not event["properties"].get("is_suspected_bot_click")
        and not event["properties"].get("machine_open")
    ]


def products_of(event: Event) -> list[Event]:
    """The products that an event names, each with what the event says of all of them."""
    custom = event["properties"].get("custom_properties", {})
    listed = custom.get("products")
    return [{**custom, **one} for one in listed] if listed else [custom]


def record_ids(events: Iterable[Event]) -> set[str]:
    """Ids that gridwire gives to what it reads: one per genuine event and product."""
    return {
        derived("braze", "engagement", event["id"], place)
        for event in genuine(events)
        for place in range(len(products_of(event)))
    }


@cache
def counts(cast: Cast) -> dict[Slot, Counter[str]]:
    """Window → kind → how often, of all that comes in time and names a product with a partner."""
    found: dict[Slot, Counter[str]] = {}
    for event in genuine(script(cast).all()):
        if event["time"] < cast.began_s - GRACE_S - WINDOW_S:
            continue
        for kind, sku, region in _engaged(event):
            if sku != cast.sku("ORPHAN"):
                start_s = event["time"] - event["time"] % WINDOW_S
                found.setdefault(Slot(region, sku, start_s), Counter())[kind] += 1
    return found


def _engaged(event: Event) -> Iterator[tuple[str, str, str]]:
    """(kind, sku, region) of each product of an event."""
    own = event["properties"]
    if event["event_type"] == CUSTOM:
        for one in products_of(event):
            yield KINDS[own["name"]], one["product_id"], one.get("region", NOWHERE)
    elif event["event_type"] == PURCHASE:
        region = own["purchase_properties"].get("region", NOWHERE)
        yield "purchase", own["product_id"], region
    elif PRODUCT_PAGE in own.get("url", ""):
        yield "email_click", own["url"].partition(PRODUCT_PAGE)[2], NOWHERE
