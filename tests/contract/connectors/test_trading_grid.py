"""Trading Grid's connector against the simulated community."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors import trading_grid
from connectors.kit.connector import Rejected, Sink, Source, Transient
from gridwire.ids import derived
from gridwire.records import (
    AddComment,
    Availability,
    MoveThread,
    OpenThread,
    Partner,
    PutInsight,
    Related,
    Thread,
    ThreadLine,
    TradingGridCommand,
)
from tests.contract.connectors.community import (
    NOW_MS,
    fetched,
    notices,
    polled,
    settings,
    sink_of,
    source_of,
)
from tests.contract.connectors.world import World, done, refused

REF = "bigcommerce:1001/pt_acme/1"
WINDOW_S = 3_600  # long, so that no test meets the end of a window


@pytest.fixture
def source(world: World) -> Source:
    return source_of(world)


@pytest.fixture
def sink(world: World) -> Sink:
    return sink_of(world)


# ---- threads -------------------------------------------------------------------------------------
THREAD = {
    "kind": "order_exception",
    "subject": "Order 1001",
    "partner_id": "pt_acme",
    "related": [{"type": "order", "id": "bigcommerce:1001"}],
    "custom": {"revised_delivery_at": "2026-02-01"},
}


async def test_each_change_of_a_thread_is_heard_once_with_its_own_status_and_actor(
    world: World, source: Source
) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    world.trigger("trading-grid", "thread-status", id=thread["id"], to="in_progress")
    found = [await fetched(source, one) for one in notices(world, source, 3)]
    assert all(isinstance(one, Thread) for one in found)
    assert [one.status for one in found] == ["open", "acknowledged", "in_progress"]
    assert [one.previous_status for one in found] == [None, "open", "acknowledged"]
    assert [one.version for one in found] == [1, 2, 3]
    assert {(one.actor_type, one.actor_id) for one in found} == {("partner", "pt_acme")}
    assert len({one.event_id for one in found}) == 3
    assert found[0].related[0].id == "bigcommerce:1001"
    assert found[0].revised_delivery_at == 1_769_904_000_000


async def test_a_webhook_and_a_poll_of_one_version_share_one_event_id(
    world: World, source: Source
) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    world.trigger("trading-grid", "thread-status", id=thread["id"], to="acknowledged")
    by_webhook = [await fetched(source, one) for one in notices(world, source, 2)]
    (by_poll,) = await polled(source, "trading-grid.threads")
    assert by_poll.event_id == by_webhook[-1].event_id
    assert by_poll.event_id != by_webhook[0].event_id


async def test_a_comment_is_an_event_of_its_own(world: World, source: Source) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    world.trigger("trading-grid", "thread-commented", id=thread["id"], body="Soon")
    opened, commented = [await fetched(source, one) for one in notices(world, source, 2)]
    assert commented.event_type == "thread.comment_added"
    assert (commented.status, commented.version) == (opened.status, 2)


async def test_a_resolution_is_read(world: World, source: Source) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    resolution = {
        "code": "credited",
        "action": "credit",
        "summary": "Credit of 12.30",
        "amount": {"amount": "12.30", "currency": "EUR"},
    }
    world.trigger("trading-grid", "thread-resolved", id=thread["id"], resolution=resolution)
    found = [await fetched(source, one) for one in notices(world, source, 4)]
    assert [one.resolution is None for one in found] == [True, True, True, False]
    assert found[-1].resolution.amount_minor == 1230


# ---- partners and availability -------------------------------------------------------------------
async def test_partners_are_polled_and_heard(world: World, source: Source) -> None:
    found = {one.partner_id: one for one in await polled(source, "trading-grid.partners")}
    assert (found["pt_acme"].selling_enabled, found["pt_bolt"].selling_enabled) == (True, False)
    assert found["pt_acme"].skus == ("LAMP",)
    world.trigger("trading-grid", "partner-changed", id="pt_acme", patch={"regions": ["DE"]})
    (notice,) = notices(world, source, 1)
    partner = await fetched(source, notice)
    assert isinstance(partner, Partner)
    assert (partner.regions, partner.version) == (("DE",), found["pt_acme"].version + 1)
    again = {one.partner_id: one for one in await polled(source, "trading-grid.partners")}
    assert again["pt_acme"].event_id == partner.event_id


UPDATE = {
    "partner_id": "pt_acme",
    "sku": "LAMP",
    "location_code": "DC-EAST",
    "type": "stock",
    "quantity": 40,
    "sequence": 5,
}


async def test_an_availability_update_and_its_decision_are_heard(
    world: World, source: Source
) -> None:
    update = world.trigger("trading-grid", "availability-published", **UPDATE)
    world.trigger("trading-grid", "availability-decided", id=update["id"], decision="accepted")
    found = [await fetched(source, one) for one in notices(world, source, 2)]
    last = found[-1]
    assert isinstance(last, Availability)
    assert (last.sku, last.quantity, last.sequence) == ("LAMP", 40, 5)
    assert (last.decision_status, last.version) == ("accepted", 5)
    (by_poll,) = await polled(source, "trading-grid.availability")
    assert by_poll.event_id == last.event_id


# ---- writes --------------------------------------------------------------------------------------
def command(operation: str, body: Any, number: int = 1) -> TradingGridCommand:
    return TradingGridCommand(
        event_id=derived("command", operation, number),
        produced_at=NOW_MS,
        flow="bigcommerce.order-exception",
        lane=REF,
        operation=operation,
        **{operation: body},
    )


def steps(sink: Sink, operation: str, body: Any, number: int = 1) -> Any:
    return sink.operations[operation].steps(command(operation, body, number), body)


def opening(**changed: Any) -> OpenThread:
    given: dict[str, Any] = {
        "external_ref": REF,
        "system": "bigcommerce",
        "kind": "order_exception",
        "subject": "Order 1001: out of stock",
        "body": "SKU LAMP is short",
        "priority": "high",
        "partner_id": "pt_acme",
        "resolve_by": 1_900_000_000_000,
        "related": (Related(type="order", id="bigcommerce:1001"),),
        "lines": (
            ThreadLine(line_ref="1", sku="LAMP", quantity=2, reason_code="inventory_shortage"),
        ),
    }
    return OpenThread(**(given | changed))


COMMENT = AddComment(
    external_ref=REF,
    system="bigcommerce",
    body="A second reason",
    visibility="shared",
    source_ref="bigcommerce:1001/2",
)


def moving(to: str) -> MoveThread:
    return MoveThread(
        external_ref=REF,
        system="bigcommerce",
        to=to,
        reason_code="other",
        note="Back to normal",
        resolution_code="back_to_normal",
        resolution_action="none",
        resolution_summary="Nothing left to do",
    )


async def test_a_thread_is_opened_once_however_often_it_is_asked_for(
    world: World, sink: Sink
) -> None:
    first = await done(sink.platform, steps(sink, "open_thread", opening()))
    again = await done(sink.platform, steps(sink, "open_thread", opening()))
    other_key = await done(sink.platform, steps(sink, "open_thread", opening(), number=2))
    other_words = opening(subject="Order 1001, in other words")
    reused = await done(sink.platform, steps(sink, "open_thread", other_words))
    (thread,) = world.state("trading-grid", "threads")
    ids = {one.object_id for one in (first, again, other_key, reused)}
    assert ids == {thread["id"]}
    assert thread["lines"][0]["reason_code"] == "inventory_shortage"
    assert thread["related"] == [{"type": "order", "id": "bigcommerce:1001"}]


async def test_a_thread_without_a_partner_is_internal(world: World, sink: Sink) -> None:
    await done(sink.platform, steps(sink, "open_thread", opening(partner_id=None)))
    (thread,) = world.state("trading-grid", "threads")
    assert thread.get("partner_id") is None


async def test_a_thread_of_an_unknown_partner_is_rejected(sink: Sink) -> None:
    body = opening(partner_id="pt_nobody")
    assert isinstance(await refused(sink.platform, steps(sink, "open_thread", body)), Rejected)


async def test_a_repeated_comment_stands_there_once(world: World, sink: Sink) -> None:
    await done(sink.platform, steps(sink, "open_thread", opening()))
    for _ in range(2):
        await done(sink.platform, steps(sink, "add_comment", COMMENT))
    (comment,) = world.state("trading-grid", "comments")
    assert (comment["body"], comment["source_ref"]) == ("A second reason", "bigcommerce:1001/2")


async def test_a_thread_of_somebody_else_is_commented_on_by_its_id(
    world: World, sink: Sink
) -> None:
    thread = world.trigger("trading-grid", "thread-opened", **THREAD)
    by_id = msgspec.structs.replace(COMMENT, external_ref="", thread_id=thread["id"])
    for _ in range(2):
        await done(sink.platform, steps(sink, "add_comment", by_id))
    (comment,) = world.state("trading-grid", "comments")
    assert comment["thread_id"] == thread["id"]


async def test_a_comment_after_the_key_was_forgotten_is_found_by_its_source(
    world: World, sink: Sink
) -> None:
    await done(sink.platform, steps(sink, "open_thread", opening()))
    keyless = trading_grid.sink(settings(world, supports_idempotency_key=False))
    for number in range(2):
        await done(keyless.platform, steps(keyless, "add_comment", COMMENT, number=number))
    assert len(world.state("trading-grid", "comments")) == 1


@pytest.mark.parametrize(
    ("operation", "body"), [("add_comment", COMMENT), ("move_thread", moving("resolved"))]
)
async def test_a_thread_that_is_not_open_yet_is_waited_for(
    sink: Sink, operation: str, body: Any
) -> None:
    found = await refused(sink.platform, steps(sink, operation, body))
    assert isinstance(found, Transient)
    assert found.early


async def test_a_thread_is_walked_to_its_resolution_and_twice_is_once(
    world: World, sink: Sink
) -> None:
    await done(sink.platform, steps(sink, "open_thread", opening()))
    for _ in range(2):
        await done(sink.platform, steps(sink, "move_thread", moving("resolved")))
    (thread,) = world.state("trading-grid", "threads")
    assert thread["status"] == "resolved"
    assert thread["resolution"]["code"] == "back_to_normal"
    notes = [one["body"] for one in world.state("trading-grid", "comments")]
    assert notes == ["Back to normal"]


async def test_a_thread_that_was_closed_cannot_go_on(world: World, sink: Sink) -> None:
    opened = await done(sink.platform, steps(sink, "open_thread", opening()))
    world.trigger("trading-grid", "thread-status", id=opened.object_id, to="cancelled")
    found = await refused(sink.platform, steps(sink, "move_thread", moving("resolved")))
    assert isinstance(found, Rejected)


async def test_an_insight_replaces_that_of_the_same_key(world: World, sink: Sink) -> None:
    for clicks in (3.0, 5.0):
        insight = PutInsight(
            key="engagement|pt_acme|US|LAMP|1760000000000",
            partner_id="pt_acme",
            kind="engagement",
            window_from=1_760_000_000_000,
            window_to=1_760_003_600_000,
            region="US",
            sku="LAMP",
            metrics={"email_click": clicks},
        )
        await done(sink.platform, steps(sink, "put_insight", insight))
    (found,) = world.state("trading-grid", "insights")
    assert found["metrics"] == {"email_click": 5.0}
    assert found["key"] == "engagement|pt_acme|US|LAMP|1760000000000"


async def test_the_rate_limit_is_told_and_kept(world: World, sink: Sink) -> None:
    limit = {"limit": 1, "window_s": WINDOW_S}
    world.control("trading-grid", "configure", {"rate_limit": limit})
    looked = await refused(sink.platform, steps(sink, "add_comment", COMMENT))
    assert looked.early, "the one call that is allowed looked for the thread"
    found = await refused(sink.platform, steps(sink, "add_comment", COMMENT))
    assert isinstance(found, Transient)
    assert found.throttled
    assert found.after_s is not None
