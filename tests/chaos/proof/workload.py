"""The load of a proof: drawn of a seed, written in several instalments, with everything odd marked by a header.

The oracle reads what an odd message must come to from that header; the product never looks at it.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer

from gridwire import kafka
from gridwire import records as r
from gridwire.codec import TopicCodec
from gridwire.topics import Topic
from tests.chaos.proof import topology
from tests.roles import Topics

FATE = "proof-fate"
USERS, SKUS, PARTNERS, ORDERS, GONE, GHOSTS = 48, 30, 20, 60, 6, 5
SPAN_MS = 60_000  # of event time
BEHIND_MS = 65_000  # the first event lies so far back: all but the last timers come due under load
REPEATED = 0.05  # of the events come twice
LATE, TOO_LATE = 0.04, 0.02
STALE = 0.12  # of the updates of an order are older than what is known
BALLAST_CHARS = 80_000  # three bytes each, which hardly compress
UNKNOWN_SCHEMA = 900_000
FLUSH_S = 60.0
BATCH_MESSAGES_MAX = 16  # small batches on the broker: a fetch brings a little of every partition
KINDS = ("email_click", "product_view", "checkout", "checkout", "cart_update", "purchase")
RAISING = ("raise:join", "raise:copy", "raise:tally", "raise:windows", "huge:join")
BYTES = ("unreadable", "unknown schema", "null")
BROKER = "broker:join"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything. `poison`: of each way to be poisonous; `too_large`: what only the broker refuses."""

    events: int = 4_000
    updates: int = 4  # of each order, at most
    notes: int = 500
    poison: int = 0
    too_large: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One message to write. `raw`: bytes as they are (or null) instead of a record. `at`: its place in time, 0 to 1."""

    at: float
    topic: Topic[Any]
    key: str
    record: r.Record | None
    fate: str = ""
    raw: bytes | None = None


@dataclass(slots=True)
class _Draw:
    """What has been drawn so far."""

    dice: random.Random
    names: topology.Names
    sizes: Sizes
    base_ms: int
    steps: list[Step] = field(default_factory=list)

    def id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def at_ms(self, at: float) -> int:
        return self.base_ms + round(at * SPAN_MS)


def steps(seed: int, names: topology.Names, sizes: Sizes) -> tuple[int, list[Step]]:
    """When event time begins (epoch ms), and all messages in the order in which they are written."""
    draw = _Draw(random.Random(seed), names, sizes, round(time.time() * 1000) - BEHIND_MS)
    _events(draw)
    _orders(draw)
    _notes(draw)
    _ghosts(draw)
    _poison(draw)
    return draw.base_ms, sorted(draw.steps, key=lambda step: step.at)


def partners(names: topology.Names) -> list[r.Partner]:
    """The reference table: for two of three skus."""
    return [
        r.Partner(
            event_id=f"partner-{n}",
            partner_id=f"P-S{n}",
            partner_code=f"P{n}",
            name=f"Partner {n}",
            status="active",
        )
        for n in range(PARTNERS)
    ]


def _event(draw: _Draw, at: float, quantity: int, user: str, **more: Any) -> r.Engagement:
    dice = draw.dice
    luck = dice.random()
    behind = 40_000 if luck < TOO_LATE else dice.randrange(18_000) if luck < LATE else 0
    fields: dict[str, Any] = {
        "event_id": draw.id(),
        "occurred_at": draw.at_ms(at) - behind,
        "produced_at": draw.at_ms(at),
        "user_id": user,
        "identified": True,
        "kind": dice.choice(KINDS),
        "event_type": "proof",
        "sku": f"S{dice.randrange(SKUS)}",
        "quantity": quantity,
    }
    return r.Engagement(**(fields | more))


def _events(draw: _Draw) -> None:
    dice, count = draw.dice, draw.sizes.events
    numbers: Counter[str] = Counter()
    for n in range(count):
        user = f"u{dice.randrange(USERS)}"
        numbers[user] += 1
        at = n / count
        event = _event(draw, at, numbers[user], user)
        draw.steps.append(Step(at, draw.names.events, user, event))
        if dice.random() < REPEATED:
            again = at + dice.choice((dice.random() * 0.01, dice.random() * (1 - at)))
            draw.steps.append(Step(min(again, 1.0), draw.names.events, user, event))


def _order(draw: _Draw, ref: str, number: int, version: int, event_type: str) -> r.BigCommerceOrder:
    return r.BigCommerceOrder(
        event_id=draw.id(),
        occurred_at=draw.base_ms,
        produced_at=draw.base_ms,
        version=version,
        order_ref=ref,
        order_id=number,
        customer_ref=f"{ref}-{version}",
        status_id=1,
        payment_status="",
        created_at=1,
        modified_at=version,
        staff_notes="",
        event_type=event_type,
    )


def _orders(draw: _Draw) -> None:
    """Updates of each order: some stale, some deleted on the way, the last of those with notes never a deletion."""
    dice, number = draw.dice, 0
    for n in range(ORDERS + GONE):
        ref = f"o{n}" if n < ORDERS else f"gone{n}"
        begins = dice.choice((0.0, dice.uniform(0.2, 0.9)))
        places = sorted(dice.uniform(begins, 1) for _ in range(dice.randint(1, draw.sizes.updates)))
        version = 10
        for k, at in enumerate(places):
            last, number = k == len(places) - 1, number + 1
            stale = dice.random() < STALE
            version += 0 if stale else 1
            deleted = last if n >= ORDERS else not last and dice.random() < STALE
            kind = topology.DELETED if deleted else "poll"
            order = _order(draw, ref, number, version - 2 * stale, kind)
            draw.steps.append(Step(at, draw.names.orders, ref, order))
            if dice.random() < REPEATED:
                again = Step(dice.uniform(at, 1), draw.names.orders, ref, order)
                draw.steps.append(again)


def _note(draw: _Draw, at: float, ref: str, number: int) -> Step:
    note = r.BigCommerceOrderMessage(
        event_id=draw.id(),
        occurred_at=draw.at_ms(at),
        produced_at=draw.at_ms(at),
        order_ref=ref,
        message_id=number,
        type="customer",
        is_flagged=False,
        from_customer=True,
        subject="",
        message=f"note {number}",
    )
    return Step(at, draw.names.notes, ref, note)


def _notes(draw: _Draw) -> None:
    for number in range(draw.sizes.notes):
        at = number / draw.sizes.notes
        step = _note(draw, at, f"o{draw.dice.randrange(ORDERS)}", number)
        draw.steps.append(step)
        if draw.dice.random() < REPEATED:
            draw.steps.append(_moved(step, draw.dice.uniform(at, 1)))


def _moved(step: Step, at: float) -> Step:
    """The same message at another place."""
    return Step(at, step.topic, step.key, step.record, step.fate, step.raw)


def _ghosts(draw: _Draw) -> None:
    """Notes on orders that never come: dead letters at their deadline."""
    for n in range(GHOSTS):
        for k in range(2):
            at = draw.dice.uniform(0, 0.9)
            ghost = _note(draw, at, f"{topology.GHOST}{n}", 10_000 + 10 * n + k)
            draw.steps.append(Step(at, ghost.topic, ghost.key, ghost.record, "waits in vain"))


def _poison(draw: _Draw) -> None:
    dice, events = draw.dice, draw.names.events
    for fate in (*RAISING, *BYTES):
        for _ in range(draw.sizes.poison):
            at, user = dice.uniform(0.02, 0.98), f"u{dice.randrange(USERS)}"
            event = _event(draw, at, 1, user, campaign_id=fate)
            raw = {"unreadable": dice.randbytes(40), "null": None}.get(fate, _unknown(dice))
            draw.steps.append(Step(at, events, user, None if fate in BYTES else event, fate, raw))
    for _ in range(draw.sizes.too_large):
        at, user = dice.uniform(0.05, 0.95), f"u{dice.randrange(USERS)}"
        ballast = "".join(chr(dice.randrange(0x4E00, 0x9F00)) for _ in range(BALLAST_CHARS))
        event = _event(draw, at, 1, user, campaign_id=BROKER, canvas_id=ballast)
        draw.steps.append(Step(at, events, user, event, BROKER))


def _unknown(dice: random.Random) -> bytes:
    return b"\0" + (UNKNOWN_SCHEMA + dice.randrange(100)).to_bytes(4) + dice.randbytes(20)


class Feed:
    """Writes the steps, in order, up to any share of them."""

    def __init__(self, topics: Topics, planned: Sequence[Step], base_ms: int) -> None:
        self._topics, self._planned = topics, planned
        self._base_ms = base_ms
        self._done = 0
        self._producer: Producer = kafka.producer(
            topics.settings, batch_num_messages=BATCH_MESSAGES_MAX
        )

    def up_to(self, share: float) -> None:
        """Writes all steps whose place is before `share`."""
        for step in self._next(share):
            codec: TopicCodec[Any] = self._topics.codec.of(step.topic)
            value = step.raw if step.record is None else codec.encode(step.record)
            headers: Any = [(FATE, step.fate.encode())] if step.fate else []
            at_ms = self._base_ms + round(step.at * SPAN_MS)
            self._producer.produce(
                step.topic.name, value, step.key, headers=headers, timestamp=at_ms
            )
            self._producer.poll(0)
        assert self._producer.flush(FLUSH_S) == 0, "the load could not be written"

    def _next(self, share: float) -> Iterator[Step]:
        while self._done < len(self._planned) and (
            share >= 1 or self._planned[self._done].at < share
        ):
            yield self._planned[self._done]
            self._done += 1
