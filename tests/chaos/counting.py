"""What came of a load: what is still to come, and whether everything came once. Ids are counted, nothing is sampled."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwire import topics
from gridwire.records import BrazeCommand, Receipt, Record, TradingGridCommand, TriggerCampaign
from gridwire.topics import DEAD_LETTERS
from sandbox.demo.calls import asked, call
from sandbox.demo.figures import samples
from sandbox.demo.outputs import Outputs
from sandbox.demo.stage import Platforms
from sandbox.demo.stories.braze_engagement import record_ids
from sandbox.demo.world import World
from tests.chaos.outside import STATUSES, Plan
from tests.roles import Role, Topics, amiss, times

PLATFORMS = ("trading-grid", "braze", "bigcommerce")
OURS = "bigcommerce.order-exception:"  # how the source references of our comments begin
SPOKEN = frozenset(status.replace("-", "_") for status in STATUSES)
UNSAFE = "trigger_campaign"
ORDERS_CHANGELOG = "table.orders"
COMMANDS = (topics.BRAZE_COMMANDS, topics.BIGCOMMERCE_COMMANDS, topics.TRADING_GRID_COMMANDS)
RECEIPTS = (topics.BRAZE_RECEIPTS, topics.BIGCOMMERCE_RECEIPTS, topics.TRADING_GRID_RECEIPTS)
Letters = Mapping[str, Sequence[Mapping[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Account:
    """All there is at the end. `letters`: dead-letter topic → headers of its messages."""

    plan: Plan
    world: World
    letters: Letters
    orders: Mapping[str, int]  # order reference → status id last read from the shop
    table_orders: frozenset[str]


# ---- looking ---------------------------------------------------------------------------------------
async def look(plan: Plan, platforms: Platforms, outputs: Outputs) -> World:
    """The world now. Raises CallError."""
    assert outputs.error is None, f"topics cannot be read: {outputs.error!r}"
    states = await asyncio.gather(*(platforms.state(name) for name in PLATFORMS))
    rows = dict(zip(PLATFORMS, states, strict=True))
    return World(plan.cast, exactly_once=True, platforms=rows, records=outputs.records())


async def under_way(platforms: Platforms, roles: Iterable[Role]) -> str:
    """What is on its way, or ""."""
    for name in PLATFORMS:
        waiting = await asked("GET", f"{platforms.url}/_sandbox/{name}/deliveries?state=pending")
        if waiting:
            return f"{len(waiting)} webhooks of {name} are to be delivered"
    for role in roles:
        if lag := await asyncio.to_thread(_lag, role):
            return f"{role.name} has {lag} records to read"
    return ""


def _lag(role: Role) -> int:
    page = call("GET", f"http://127.0.0.1:{role.port}/metrics").text
    return round(sum(s.value for s in samples(page) if s.name == "gridwire_consumer_lag_records"))


def missing(plan: Plan, world: World) -> list[str]:
    """What must come and has not: nothing may be lost."""
    seen = {event.causation_id for event in world.of(topics.ENRICHED_ENGAGEMENT)}
    ended = {receipt.command_id for receipt in all_of(world, RECEIPTS)}
    given = {command.event_id for command in all_of(world, COMMANDS)}
    lost = {
        "events are enriched": record_ids(plan.events) - seen,
        "commands have a receipt": given - ended,
        "products have the stock of the last update": {
            sku for sku, units in plan.stock().items() if world.stock(sku) != units
        },
        "orders in trouble have their thread": {
            plan.reference(o) for o in plan.orders if not _has_its_thread(plan, world, o.number)
        },
        "customers were told how their case stands": _untold(plan, world),
    }
    return [
        f"all {what}; {len(ids)} are missing, e.g. {sorted(ids)[:2]}"
        for what, ids in lost.items()
        if ids
    ]


def _has_its_thread(plan: Plan, world: World, number: int) -> bool:
    order = plan.orders[number]
    thread = world.thread(plan.reference(order))
    if order.fate == "well" or thread is None:
        return order.fate == "well"
    if order.fate == "moved on":
        return "awaiting shipment" in world.comments(thread)
    return order.fate != "cancelled" or thread["status"] == "cancelled"


def _untold(plan: Plan, world: World) -> set[str]:
    """Threads of which the last command to their customer does not say how they stand."""
    told = {trigger_key(one)[:2]: trigger_key(one)[2] for one in triggers(world)}
    customers = {plan.cast.order_ref(o.number): plan.cast.customer(o.customer) for o in plan.orders}
    return {
        f"{thread['id']} ({thread['status']})"
        for thread in world.rows("trading-grid", "threads")
        for related in thread["related"]
        if related["id"] in customers
        and thread["status"] in SPOKEN
        and told.get((customers[related["id"]], thread["id"])) != thread["status"]
    }


def all_of(world: World, some: Sequence[topics.Topic[Any]]) -> list[Any]:
    return [record for topic in some for record in world.of(topic)]


def triggers(world: World) -> list[TriggerCampaign]:
    return [c.trigger_campaign for c in world.of(topics.BRAZE_COMMANDS) if c.trigger_campaign]


def trigger_key(one: TriggerCampaign) -> tuple[str, str, str]:
    """Who hears what: customer, thread, status."""
    return one.customer_ref, one.trigger_properties["case_id"], one.trigger_properties["status"]


# ---- counting --------------------------------------------------------------------------------------
async def account(plan: Plan, platforms: Platforms, found: Topics) -> Account:
    """Everything read anew from the beginning to the end, read-committed."""
    states = await asyncio.gather(*(platforms.state(name) for name in PLATFORMS))
    read: list[topics.Topic[Any]] = [topics.ENRICHED_ENGAGEMENT, *COMMANDS, *RECEIPTS]
    records: dict[str, Sequence[Record]] = {}
    for topic in read:
        records[topic.name] = await asyncio.to_thread(found.read, topic)
    letters = {
        one.name: [
            dict(m.headers() or []) for m in await asyncio.to_thread(found.messages, one.name)
        ]
        for one in DEAD_LETTERS
    }
    orders = await asyncio.to_thread(found.read, topics.BIGCOMMERCE_ORDERS)
    rows = await asyncio.to_thread(found.messages, ORDERS_CHANGELOG)
    return Account(
        plan,
        World(plan.cast, True, dict(zip(PLATFORMS, states, strict=True)), records),
        letters,
        {o.order_ref: o.status_id for o in sorted(orders, key=lambda o: (o.order_ref, o.version))},
        frozenset(message.key().decode() for message in rows),
    )


def wrong(found: Account) -> list[str]:
    """Everything that is lost, repeated or refused; empty where all is right."""
    return [
        *_engagement(found),
        *_orders(found),
        *_receipts(found),
        *_community(found),
        *_messages(found),
        *_dead(found),
        *missing(found.plan, found.world),
    ]


def unknown(found: Account) -> list[Receipt]:
    """Receipts of which nobody knows the outcome."""
    return [one for one in all_of(found.world, RECEIPTS) if one.outcome == "unknown"]


def _named(what: str, fault: str) -> list[str]:
    return [f"{what}: {fault}"] if fault else []


def _engagement(found: Account) -> list[str]:
    counted = times(e.causation_id for e in found.world.of(topics.ENRICHED_ENGAGEMENT))
    wanted = record_ids(found.plan.events)
    strangers = counted.keys() - wanted
    faults = _named("enriched.engagement", amiss(sorted(wanted), counted))
    return faults + _named("enriched.engagement, not genuine", ", ".join(sorted(strangers)[:3]))


def _orders(found: Account) -> list[str]:
    """The shop's orders are known as they stand, in the source topic and in the table."""
    cast, wanted = found.plan.cast, {}
    for order in found.world.rows("bigcommerce", "orders"):
        wanted[f"bigcommerce:{order['id']}"] = order["status_id"]
    assert {cast.order_ref(o.number) for o in found.plan.orders} <= wanted.keys()
    stale = [ref for ref, status in wanted.items() if found.orders.get(ref) != status]
    absent = sorted(wanted.keys() - found.table_orders)
    faults = _named("source.bigcommerce.orders, not as in the shop", ", ".join(stale[:3]))
    return faults + _named("table.orders, absent", ", ".join(absent[:3]))


def _receipts(found: Account) -> list[str]:
    """Each command is written once, and ends once and well; only what cannot be made safe may be unknown."""
    commands, receipts = all_of(found.world, COMMANDS), all_of(found.world, RECEIPTS)
    given = times(command.event_id for command in commands)
    ended = times(receipt.command_id for receipt in receipts)
    bad = [
        f"{r.operation} {r.command_id} {r.outcome}: {r.reason}"
        for r in receipts
        if r.outcome != "delivered" and (r.outcome, r.operation) != ("unknown", UNSAFE)
    ]
    return [
        *_named("commands", amiss(sorted(given), given)),
        *_named("receipts", amiss(sorted(given), ended)),
        *_named("receipts of nothing", ", ".join(sorted(ended.keys() - given.keys())[:3])),
        *_named("outcomes", "; ".join(bad[:3])),
    ]


def _community(found: Account) -> list[str]:
    """Each thread and comment of ours exists as often as it was commanded: once."""
    world = found.world
    commands: Sequence[TradingGridCommand] = world.of(topics.TRADING_GRID_COMMANDS)
    opened = [c.open_thread.external_ref for c in commands if c.open_thread]
    written = [c.add_comment.source_ref for c in commands if c.add_comment]
    threads = times(
        ref["id"] for row in world.rows("trading-grid", "threads") for ref in row["external_refs"]
    )
    rows = world.rows("trading-grid", "comments")
    sources = [str(row.get("source_ref") or "") for row in rows]
    comments = times(source for source in sources if source.startswith(OURS))
    return [
        *_named("open_thread commands", amiss(opened, Counter(opened))),
        *_named("threads", amiss(opened, threads)),
        *_named("threads of nothing", ", ".join(sorted(threads.keys() - set(opened))[:3])),
        *_named("comments", amiss(written, comments)),
        *_named("comments of nothing", ", ".join(sorted(comments.keys() - set(written))[:3])),
    ]


def _messages(found: Account) -> list[str]:
    """No customer hears anything twice; who was told by a receipt has heard."""
    world = found.world
    heard = Counter(
        (m["external_id"], m["trigger_properties"]["case_id"], m["trigger_properties"]["status"])
        for m in world.rows("braze", "messages")
    )
    outcomes = {r.command_id: r.outcome for r in world.of(topics.BRAZE_RECEIPTS)}
    commands: Sequence[BrazeCommand] = world.of(topics.BRAZE_COMMANDS)
    delivered = Counter(
        trigger_key(c.trigger_campaign)
        for c in commands
        if c.trigger_campaign and outcomes.get(c.event_id) == "delivered"
    )
    commanded = Counter(trigger_key(one) for one in triggers(world))
    twice = [str(key) for key, n in heard.items() if n > 1]
    unheard = [str(key) for key in delivered if not heard[key]]
    uncalled = [str(key) for key in heard if not commanded[key]]
    return [
        *_named("messages heard twice", ", ".join(twice[:3])),
        *_named("delivered, but not heard", ", ".join(unheard[:3])),
        *_named("heard, but never commanded", ", ".join(uncalled[:3])),
    ]


def _dead(found: Account) -> list[str]:
    """No dead letters, but one for each command whose outcome nobody knows: somebody must look at it."""
    expected = {topics.DEAD_LETTER_SINKS.name: len(unknown(found))}
    return [
        f"{name}: {len(letters)} letters, {[one.get('gridwire.reason') for one in letters[:3]]}"
        for name, letters in found.letters.items()
        if len(letters) != expected.get(name, 0)
    ]
