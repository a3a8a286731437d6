"""Whatever a platform sends: it is read, or refused as malformed; nothing else ever comes out."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bigcommerce import hooks
from connectors.bigcommerce.source import Reader as Store
from connectors.braze import currents, webhooks
from connectors.kit.connector import MalformedError, NotThereError
from connectors.trading_grid.source import Reader as Community
from connectors.trading_grid.wire import intake
from gridwire.codec import parse, plain
from gridwire.records import SCHEMAS, Record
from tests.unit.connectors.bigcommerce import store
from tests.unit.connectors.braze import events
from tests.unit.connectors.steps import NOW_MS, answer, delivery, play
from tests.unit.connectors.trading_grid import community

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-5, 5),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**40]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["", "nan", "inf", "-1", "1e99", "2025-13-01", "Thu, 99 Oct 2025 99:99:99"]),
    st.lists(st.none() | st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none() | st.integers(), max_size=2),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place below a JSON value."""
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    found = [path]
    for name, value in inner:
        found += places(value, (*path, name))
    return found


def bent(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with `value` at `path`."""
    if not path:
        return value
    copied = copy.deepcopy(whole)
    node = copied
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return copied


def fits(records: Any) -> None:
    """Every record is what its topic promises: it can be written."""
    for topic, record in records:
        assert isinstance(record, topic.record)
        assert isinstance(record, Record)
        fastavro.schemaless_writer(io.BytesIO(), parse(SCHEMAS[topic.record]), plain(record))
        assert isinstance(topic.key(record), str)


def read_batch(body: Any) -> None:
    fits(currents.batch({"events": [body]}, events.settings()).records)


def read_canvas(body: Any) -> None:
    fits(webhooks.canvas_webhook(body, events.settings()).records)


def read_postback(body: Any) -> None:
    fits(webhooks.postback(delivery(body)).records)


def read_hook(body: Any) -> None:
    fits(hooks.intake(delivery(body), "abc123").records)


def read_event(body: Any) -> None:
    fits(intake(delivery(body, {"webhook-id": "msg_1"})).records)


def poll_order(row: Any) -> None:
    rest = (answer(200, [store.line()]), answer(200, [store.ADDRESS]), answer(204))
    steps = Store(store.settings()).poll_orders(None, NOW_MS)
    request = next(steps)
    assert request.path == "/v2/orders"
    try:
        steps.send(answer(200, [row]))
        for one in rest:
            steps.send(one)
    except StopIteration as end:
        fits(end.value.records)


def fetch_line(row: Any) -> None:
    given_ = store.notice("order", "1001", "store/order/created")
    answers = (answer(200, store.order()), answer(200, [row]), answer(200, [store.ADDRESS]))
    fits(play(Store(store.settings()).fetch_order(given_), *answers).value)


def fetch_product(whole: Any) -> None:
    given_ = store.notice("product", "77", "store/product/updated")
    steps = Store(store.settings()).fetch_product(given_)
    next(steps)
    stock = answer(200, store.data([store.stock(701, 3)]))
    brands = answer(200, store.data([{"id": 4, "name": "Acme"}]))
    try:
        request = steps.send(answer(200, {"data": whole}))
        for _ in range(2):
            request = steps.send(brands if "brands" in request.path else stock)
    except StopIteration as end:
        fits(end.value)


def poll(resource: str) -> Callable[[Any], None]:
    def run(row: Any) -> None:
        reader = Community(community.settings())
        steps = getattr(reader, f"poll_{resource}")(None, NOW_MS)
        fits(play(steps, answer(200, community.listed(row))).value.records)

    return run


CLICK = events.event("users.messages.email.Click", events.CLICK)
CART = events.custom(
    "ecommerce.cart_updated",
    {"currency": "EUR", "order_id": "1", "products": [{"sku": "S", "quantity": 1, "price": 2.5}]},
)
STATE = {"channel": "email", "subscription_status": "subscribed"}
CANVAS = {
    "event_type": "survey",
    "dispatch_id": "d",
    "external_user_id": "c-1",
    "occurred_at": community.AT,
    "order_ref": "1001",
    "properties": {"rating": "2"},
}
FEEDBACK = CANVAS | {
    "event_type": "survey_answered",
    "concerns": "damage",
    "question": "How was it?",
    "score": "2",
    "scale_max": 5,
    "text": "broken",
}
POSTBACK = {
    "dispatch_id": "d",
    "status": "bounced",
    "metadata": {
        "external_send_id": "9f1b6c0e-0000-5000-8000-000000000001",
        "campaign_api_id": "c",
        "bounced_at": community.AT,
        "reason": "no such user",
    },
}
WISH = {"id": "LAMP__2F1", "catalog_name": "products", "type": ["back_in_stock"]}
CASES: dict[str, tuple[Any, Callable[[Any], None]]] = {
    "click": (CLICK, read_batch),
    "cart": (CART, read_batch),
    "consent": (events.event("users.behaviors.subscription.GlobalStateChange", STATE), read_batch),
    "canvas": (CANVAS, read_canvas),
    "feedback": (FEEDBACK, read_canvas),
    "postback": (POSTBACK, read_postback),
    "wish": (events.custom("back_in_stock_subscribed", WISH), read_batch),
    "hook": (store.hook("store/order/updated", {"type": "order", "id": 1001}), read_hook),
    "order": (store.order(), poll_order),
    "line": (store.line(), fetch_line),
    "product": (store.product(), fetch_product),
    "event": (community.event("thread.updated", "thread/th_1", status="open"), read_event),
    "thread": (community.thread(), poll("threads")),
    "partner": (community.partner(), poll("partners")),
    "availability": (community.availability(), poll("availability")),
    "document": (community.document(), poll("documents")),
}


def outcome(run: Callable[[Any], None], body: Any) -> str:
    """What came of it; anything but these two is a fault and comes through."""
    try:
        run(body)
    except (MalformedError, NotThereError):
        return "refused"
    return "read"


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=150, deadline=None)
@given(draw=st.data())
def test_whatever_stands_in_one_place_is_read_or_refused(case: str, draw: st.DataObject) -> None:
    whole, run = CASES[case]
    path = draw.draw(st.sampled_from(places(whole)))
    assert outcome(run, bent(whole, path, draw.draw(ODD))) in ("read", "refused")
