"""The work: engagement events as a shop of some size has them, the partners and the products they concern.

The same seed gives the same work. Every event is one that the engagement flow passes on, so that what goes in can be
counted on coming out: no bots, no machine opens.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gridwire import kafka, topics
from gridwire.codec import Codec
from gridwire.ids import derived, trace_of
from gridwire.records import Engagement, EngagementKind, Partner, Product, Record
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic

SEED = 20_260_101
PARTNERS = 10_000  # one product each
USERS = 50_000
LINES = ("lighting", "furniture", "kitchen", "garden", "textiles")
REGIONS = ("US-CA", "US-NY", "US-TX", "GB", "DE-BY", "DE", "FR", None)  # None: the event names none
WITHOUT_SKU = 0.1  # share of events that concern no product
HOUR_MS = 3_600_000
QUIET_MS = 600_000  # a run is over within this time
FLUSH_S = 60.0
BUFFER_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Kind:
    """How often a kind of event occurs, relative to the others, and how Braze calls it."""

    kind: EngagementKind
    weight: int
    event_type: str
    channel: str | None


KINDS = (
    Kind("email_open", 22, "users.messages.email.Open", "email"),
    Kind("email_click", 10, "users.messages.email.Click", "email"),
    Kind("push_open", 10, "users.messages.pushnotification.Open", "push"),
    Kind("in_app_impression", 12, "users.messages.inappmessage.Impression", "in_app"),
    Kind("product_view", 34, "users.behaviors.CustomEvent", None),
    Kind("cart_update", 7, "users.behaviors.CustomEvent", None),
    Kind("checkout", 2, "users.behaviors.CustomEvent", None),
    Kind("purchase", 3, "users.behaviors.Purchase", None),
)
PAID = frozenset({"purchase"})


def quiet_start_ms(now_ms: int) -> int:
    """A time close to `now_ms` whose hour does not end within QUIET_MS: no window closes while we measure."""
    left_ms = HOUR_MS - now_ms % HOUR_MS
    return now_ms if left_ms > QUIET_MS else now_ms + left_ms


def partners(count: int = PARTNERS) -> Iterator[Partner]:
    """`count` active suppliers of one product each."""
    for number in range(count):
        event_id = derived("bench", "partner", number)
        yield Partner(
            event_id=event_id,
            source="bench/partners",
            version=1,
            trace_id=trace_of(event_id),
            partner_id=f"P{number:06d}",
            partner_code=f"CODE-{number:06d}",
            name=f"Partner {number}",
            status="active",
            roles=("supplier",),
            skus=(sku(number),),
        )


def products(count: int = PARTNERS) -> Iterator[Product]:
    """The products of `count` partners."""
    for number in range(count):
        event_id = derived("bench", "product", number)
        yield Product(
            event_id=event_id,
            source="bench/products",
            version=1,
            trace_id=trace_of(event_id),
            sku=sku(number),
            name=f"Product {number}",
            product_line=LINES[number % len(LINES)],
        )


def sku(number: int) -> str:
    return f"SKU-{number:06d}"


def user_id(number: int) -> str:
    return f"user-{number:07d}"


def partner_of(sku_: str | None) -> str | None:
    """The partner whose product it is."""
    return f"P{int(sku_.removeprefix('SKU-')):06d}" if sku_ else None


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many users there are, and how many products they see."""

    users: int = USERS
    products: int = PARTNERS


def events(
    count: int, base_ms: int, *, name: str = "load", crowd: Crowd = Crowd()
) -> Iterator[Engagement]:
    """`count` events of the minute from `base_ms` on. `name`: other names give other ids."""
    chance = random.Random(f"{SEED}/{name}")
    kinds = chance.choices(KINDS, [kind.weight for kind in KINDS], k=count)
    for number, kind in enumerate(kinds):
        yield _event(chance, derived("bench", name, number), kind, base_ms, crowd)


def _event(
    chance: random.Random, event_id: str, kind: Kind, base_ms: int, crowd: Crowd
) -> Engagement:
    user = chance.randrange(crowd.users)
    at_ms = base_ms + chance.randrange(60_000)
    quantity = chance.randrange(1, 4) if kind.kind in PAID else 1
    # Popular products are seen most: rank r with a share of about 1/r.
    product = (
        None if chance.random() < WITHOUT_SKU else sku(int(crowd.products ** chance.random()) - 1)
    )
    return Engagement(
        event_id=event_id,
        occurred_at=at_ms,
        produced_at=at_ms,
        source="braze/currents",
        trace_id=trace_of(event_id),
        user_id=user_id(user),
        identified=True,
        kind=kind.kind,
        event_type=kind.event_type,
        channel=kind.channel,
        sku=product,
        quantity=quantity,
        revenue_minor=quantity * 1_999 if kind.kind in PAID else None,
        currency="EUR" if kind.kind in PAID else None,
        region=chance.choice(REGIONS),
        campaign_id=f"campaign-{user % 40:03d}" if kind.channel else None,
    )


@dataclass(frozen=True, slots=True)
class Encoded:
    """An event ready to be sent: its id, message key, value and topic."""

    event_id: str
    key: str
    value: bytes
    topic: str = topics.BRAZE_ENGAGEMENT.name


def encoded(
    codec: Codec, count: int, base_ms: int, *, name: str = "load", crowd: Crowd = Crowd()
) -> list[Encoded]:
    """`events`, as they go to their topic."""
    made = events(count, base_ms, name=name, crowd=crowd)
    return list(as_encoded(codec, topics.BRAZE_ENGAGEMENT, made))


def as_encoded(codec: Codec, topic: Topic[Any], made: Iterable[Record]) -> Iterator[Encoded]:
    """Records as they go to their topic."""
    of = codec.of(topic)
    return (Encoded(r.event_id, topic.key(r), of.encode(r), topic.name) for r in made)


def load_tables(settings: KafkaSettings, codec: Codec, count: int = PARTNERS) -> None:
    """Writes `count` partners and products."""
    load_records(settings, codec, topics.TRADING_GRID_PARTNERS, partners(count))
    load_records(settings, codec, topics.PRODUCTS, products(count))


def load_records(
    settings: KafkaSettings, codec: Codec, topic: Topic[Any], records: Iterable[Record]
) -> None:
    """Writes records into their topic. Raises RuntimeError where Kafka does not take them."""
    load(settings, topic.name, as_encoded(codec, topic, records))


def load(
    settings: KafkaSettings,
    topic: str | None,
    messages: Iterable[Encoded],
    compression: str = "lz4",
) -> None:
    """Writes messages into `topic` (None: each into its own); returns when Kafka has all of them.

    Raises RuntimeError where it does not take them.
    """
    refused: list[str] = []
    client = kafka.producer(
        settings,
        compression_type=compression,
        on_delivery=lambda error, _: refused.append(error.name()) if error else None,
    )
    for message in messages:
        while True:
            try:
                client.produce(topic or message.topic, message.value, message.key)
            except BufferError:
                client.poll(BUFFER_POLL_S)
            else:
                break
    left = client.flush(FLUSH_S)
    if left or refused:
        raise RuntimeError(
            f"{topic or 'load'}: {left + len(refused)} messages were not taken: is Kafka up?"
        )
