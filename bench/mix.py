"""A mixed load: what arrives on all source topics at a shop of some size, each record with an effect.

Engagement is most of it, as at any shop, and there are as many orders as purchases among it, each changing several
times; the shares are those of SHARES. Payments, messages and threads concern orders that exist, and their customers
are users that were seen. Most users are known before long, as they are where events come in day by day.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import workload
from bench.workload import Encoded
from gridwire import records as r
from gridwire import topics
from gridwire.codec import Codec
from gridwire.ids import derived, trace_of
from gridwire.topics import Topic

Made = tuple[Topic[Any], r.Record]
CHANGES_PER_ORDER = 2.5
CROWD = workload.Crowd(users=5_000)
LINES_MAX = 3
DAY_MS = 86_400_000
STATUS_IDS = (11, 11, 9, 2, 2, 10, 12, 6)  # awaiting fulfilment most of the time
THREAD_KINDS = ("order_exception", "claim", "return", "service_case")
THREAD_STATUSES = ("open", "in_progress", "resolved")


@dataclass(slots=True)
class Shop:
    """What there is so far. `base_ms`: when it all happens. `name`: other names give other ids."""

    name: str
    base_ms: int
    chance: random.Random
    engagement: Iterator[r.Engagement]
    users: list[str] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)  # order reference, customer
    threads: dict[str, int] = field(default_factory=dict)  # thread → its version
    number: int = 0

    def header(self) -> dict[str, Any]:
        """Header fields of the next record."""
        event_id = derived("bench-mix", self.name, self.number)
        at_ms = self.base_ms + self.chance.randrange(60_000)
        return {
            "event_id": event_id,
            "occurred_at": at_ms,
            "produced_at": at_ms,
            "version": self.base_ms + self.number,
            "trace_id": trace_of(event_id),
        }

    def product(self) -> int:
        """The number of a product; popular ones come most."""
        return int(workload.PARTNERS ** self.chance.random()) - 1


def _engagement(shop: Shop) -> Made:
    event = next(shop.engagement)
    shop.users.append(event.user_id)
    return topics.BRAZE_ENGAGEMENT, event


def _profile(shop: Shop) -> Made:
    record = r.BrazeProfile(
        **shop.header(),
        source="braze/profiles",
        customer_ref=shop.chance.choice(shop.users),
        known=True,
        email="subscribed",
        value_tier=shop.chance.choice(("gold", "silver", None)),
        region=shop.chance.choice(workload.REGIONS),
    )
    return topics.BRAZE_PROFILES, record


def _order(shop: Shop) -> Made:
    fresh = not shop.orders or shop.chance.random() * CHANGES_PER_ORDER < 1
    if fresh:
        customer = shop.chance.choice(shop.users)
        shop.orders.append((f"bigcommerce:{len(shop.orders) + 1}", customer))
    ref, customer = shop.orders[-1] if fresh else shop.chance.choice(shop.orders)
    record = r.BigCommerceOrder(
        **shop.header(),
        source="bigcommerce/orders",
        order_ref=ref,
        order_id=int(ref.rpartition(":")[2]),
        customer_ref=customer,
        status_id=shop.chance.choice(STATUS_IDS),
        payment_status="captured",
        created_at=shop.base_ms,
        modified_at=shop.base_ms + shop.number,
        staff_notes="",
        ship_country="US",
        ship_subdivision="California",
        lines=tuple(_line(shop, n) for n in range(1 + shop.chance.randrange(LINES_MAX))),
        event_type="store/order/updated",
    )
    return topics.BIGCOMMERCE_ORDERS, record


def _line(shop: Shop, number: int) -> r.BigCommerceLine:
    product = shop.product()
    return r.BigCommerceLine(
        line_ref=str(number + 1),
        sku=workload.sku(product),
        name=f"Product {product}",
        quantity=1 + shop.chance.randrange(3),
        quantity_shipped=0,
        product_id=product,
    )


def _transaction(shop: Shop) -> Made:
    declined = shop.chance.random() < 0.05
    record = r.BigCommerceTransaction(
        **shop.header(),
        source="bigcommerce/transactions",
        order_ref=shop.chance.choice(shop.orders)[0],
        transaction_id=f"t{shop.number}",
        type="purchase",
        status="declined" if declined else "ok",
        declined=declined,
    )
    return topics.BIGCOMMERCE_TRANSACTIONS, record


def _message(shop: Shop) -> Made:
    record = r.BigCommerceOrderMessage(
        **shop.header(),
        source="bigcommerce/messages",
        order_ref=shop.chance.choice(shop.orders)[0],
        message_id=shop.number,
        type="customer",
        is_flagged=shop.chance.random() < 0.2,
        from_customer=True,
        subject="Delivery",
        message="Where is it?",
    )
    return topics.BIGCOMMERCE_ORDER_MESSAGES, record


def _product(shop: Shop) -> Made:
    product = shop.product()
    record = r.BigCommerceProduct(
        **shop.header(),
        source="bigcommerce/products",
        sku=workload.sku(product),
        product_id=product,
        variants=1,
        name=f"Product {product}",
        product_line=workload.LINES[product % len(workload.LINES)],
        inventory_tracked=True,
        available_to_sell=shop.chance.randrange(1_000),
        availability="available",
        is_visible=True,
        purchasing_disabled=False,
    )
    return topics.BIGCOMMERCE_PRODUCTS, record


def _thread(shop: Shop) -> Made:
    ref, _ = shop.chance.choice(shop.orders)
    thread_id = f"th-{ref}"
    version = shop.threads[thread_id] = shop.threads.get(thread_id, 0) + 1
    record = r.Thread(
        **{**shop.header(), "version": version},
        source="trading-grid/threads",
        thread_id=thread_id,
        event_type="thread.created" if version == 1 else "thread.status_changed",
        kind=THREAD_KINDS[len(shop.threads) % len(THREAD_KINDS)],
        status=THREAD_STATUSES[min(version, len(THREAD_STATUSES)) - 1],
        subject="A matter",
        priority="normal",
        partner_id=workload.partner_of(workload.sku(shop.product())),
        actor_type="partner",
        related=(r.Related(type="order", id=ref),),
    )
    return topics.TRADING_GRID_THREADS, record


def _availability(shop: Shop) -> Made:
    sku = workload.sku(shop.product())
    record = r.Availability(
        **shop.header(),
        source="trading-grid/availability",
        update_id=f"av-{shop.number}",
        partner_id=str(workload.partner_of(sku)),
        sku=sku,
        type="stock",
        quantity=shop.chance.randrange(500),
        sequence=shop.number,
        decision_status="accepted",
    )
    return topics.TRADING_GRID_AVAILABILITY, record


def _feedback(shop: Shop) -> Made:
    ref, customer = shop.chance.choice(shop.orders)
    record = r.BrazeFeedback(
        **shop.header(),
        source="braze/webhook",
        feedback_id=f"fb-{shop.number}",
        customer_ref=customer,
        order_ref=ref,
        kind="survey",
        concerns=shop.chance.choice(("delivery", "damage", "invoice", "product")),
        question="How was it?",
        score=float(shop.chance.randrange(1, 6)),
        scale_max=5.0,
        text="Could be better.",
    )
    return topics.BRAZE_FEEDBACK, record


def _schedule(shop: Shop) -> Made:
    ref, customer = shop.chance.choice(shop.orders)
    record = r.BrazeSchedule(
        **shop.header(),
        source="braze/sink",
        schedule_id=f"sc-{shop.number}",
        customer_ref=customer,
        order_ref=ref,
        about="braze.service-recovery",
        campaign_id="satisfaction-survey",
        send_at=shop.base_ms + DAY_MS,
        state="created",
    )
    return topics.BRAZE_SCHEDULES, record


def _wish(shop: Shop) -> Made:
    record = r.StockSubscription(
        **shop.header(),
        source="braze/currents",
        sku=workload.sku(shop.product()),
        customer_ref=shop.chance.choice(shop.users),
        catalog="products",
        types=("back_in_stock",),
    )
    return topics.BRAZE_STOCK_SUBSCRIPTIONS, record


def _document(shop: Shop) -> Made:
    ref, _ = shop.chance.choice(shop.orders)
    record = r.Document(
        **shop.header(),
        source="trading-grid/webhooks",
        document_id=f"dc-{shop.number}",
        event_type="document.status_changed",
        type=shop.chance.choice(("invoice", "pod", "rma")),
        status=shop.chance.choice(("under_review", "approved")),
        partner_id=workload.partner_of(workload.sku(shop.product())),
        actor_type="partner",
        process="claim",
        related=(r.Related(type="order", id=ref),),
    )
    return topics.TRADING_GRID_DOCUMENTS, record


@dataclass(frozen=True, slots=True)
class Share:
    """How much of the load, in percent. `early`: it may come before there is any order."""

    topic: str
    percent: int
    make: Callable[[Shop], Made]
    early: bool = True


SHARES = (
    Share(topics.BRAZE_ENGAGEMENT.name, 80, _engagement),
    Share(topics.BIGCOMMERCE_ORDERS.name, 6, _order),
    Share(topics.BRAZE_PROFILES.name, 2, _profile),
    Share(topics.BIGCOMMERCE_PRODUCTS.name, 2, _product),
    Share(topics.TRADING_GRID_AVAILABILITY.name, 2, _availability),
    Share(topics.BIGCOMMERCE_TRANSACTIONS.name, 1, _transaction, early=False),
    Share(topics.BIGCOMMERCE_ORDER_MESSAGES.name, 1, _message, early=False),
    Share(topics.TRADING_GRID_THREADS.name, 2, _thread, early=False),
    Share(topics.TRADING_GRID_DOCUMENTS.name, 1, _document, early=False),
    Share(topics.BRAZE_FEEDBACK.name, 1, _feedback, early=False),
    Share(topics.BRAZE_SCHEDULES.name, 1, _schedule, early=False),
    Share(topics.BRAZE_STOCK_SUBSCRIPTIONS.name, 1, _wish),
)
TOPICS = tuple(share.topic for share in SHARES)


def records(count: int, base_ms: int, *, name: str = "mix") -> Iterator[Made]:
    """`count` records of the minute from `base_ms` on, with their topics. The same every time."""
    chance = random.Random(f"{workload.SEED}/{name}")
    engagement = workload.events(count, base_ms, name=name, crowd=CROWD)
    shop = Shop(name, base_ms, chance, engagement)
    kinds = chance.choices(SHARES, [share.percent for share in SHARES], k=count)
    for shop.number, kind in enumerate(kinds):
        if not shop.users:
            yield _engagement(shop)  # there is somebody first
        elif not shop.orders and not kind.early:
            yield _order(shop)
        else:
            yield kind.make(shop)


def encoded(codec: Codec, count: int, base_ms: int, *, name: str = "mix") -> list[Encoded]:
    """`records`, as they go to their topics."""
    return [
        Encoded(record.event_id, topic.key(record), codec.of(topic).encode(record), topic.name)
        for topic, record in records(count, base_ms, name=name)
    ]


def by_topic(load: Sequence[Encoded]) -> Mapping[str, list[Encoded]]:
    """The load of each topic."""
    found: dict[str, list[Encoded]] = {name: [] for name in TOPICS}
    for one in load:
        found[one.topic].append(one)
    return found
