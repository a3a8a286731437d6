"""Braze's routes, and the webhook template that marketers are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors import braze
from connectors.kit.connector import MalformedError, Route
from connectors.kit.signatures import Signed
from gridwire.records import Engagement
from gridwire.settings import Secret, SettingsError
from tests.unit.connectors.braze.events import event, settings
from tests.unit.connectors.steps import delivery

TEMPLATES = Path(__file__).parents[4] / "docs" / "braze-templates.md"
LIQUID = {
    "{{campaign.${dispatch_id}}}": "d-1",
    "{{campaign.${api_id}}}": "camp-1",
    "{{canvas.${api_id}}}": "",
    "{{${user_id}}}": "c-1",
    "{{ 'now' | date: '%Y-%m-%dT%H:%M:%SZ' }}": "2025-10-09T08:53:20Z",
    "{{event_properties.${order_id}}}": "1001",
    "{{event_properties.${rating}}}": "2",
}


def route(name: str, **changed: Any) -> Route:
    (found,) = [one for one in braze.source(settings(**changed)).routes if one.name == name]
    return found


def refusals(found: Route, token: str) -> list[str | None]:
    signed = Signed({"authorization": f"Bearer {token}"}, {}, {}, b"{}", 0.0)
    return [scheme.verify(signed) for scheme in found.verify]


def test_currents_needs_the_token_and_takes_the_previous_one_while_it_is_replaced() -> None:
    found = route("braze.currents", currents_token_previous=Secret("old"))
    assert found.path == "/braze/currents"
    assert refusals(found, "currents-token") == [None]
    assert refusals(found, "old") == [None]
    assert refusals(found, "forged") == ["wrong token"]


def test_currents_deliveries_are_read() -> None:
    opened = event("users.messages.email.Open", {})
    found = route("braze.currents").read(delivery({"events": [opened]}))
    assert len(found.records) == 1


def test_webhooks_have_a_route_only_where_a_token_is_set() -> None:
    names = [one.name for one in braze.source(settings()).routes]
    assert names == ["braze.currents"]
    found = route("braze.webhooks", webhook_token=Secret("hook"))
    assert refusals(found, "currents-token") == ["wrong token"]


@pytest.mark.parametrize(
    ("changed", "variable"),
    [
        ({"link_sku": "("}, "BRAZE_LINK_SKU"),
        ({"link_sku": "sku"}, "BRAZE_LINK_SKU"),
        ({"order_ref": "bigcommerce"}, "BRAZE_ORDER_REF"),
        ({"sku_properties": ()}, "BRAZE_SKU_PROPERTIES"),
    ],
)
def test_settings_that_are_of_no_use_are_refused(changed: dict[str, Any], variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        braze.source(settings(**changed))


def template() -> dict[str, Any]:
    """The JSON that docs/braze-templates.md has marketers copy, with its Liquid filled in."""
    text = TEMPLATES.read_text().split("<!-- webhook -->")[1]
    block = text.split("```json")[1].split("```")[0]
    for tag, value in LIQUID.items():
        block = block.replace(tag, value)
    assert "{{" not in block, "a tag of the template is not filled in by this test"
    found = json.loads(block)
    assert isinstance(found, dict)
    return found


def webhook(body: Any) -> Engagement:
    found = route("braze.webhooks", webhook_token=Secret("hook")).read(delivery(body))
    ((_, record),) = found.records
    assert isinstance(record, Engagement)
    return record


def test_the_template_for_marketers_is_read_as_an_engagement_event() -> None:
    record = webhook(template())
    assert (record.user_id, record.identified, record.kind) == ("c-1", True, "other")
    assert (record.event_type, record.order_ref) == ("webhook.survey_answered", "bigcommerce:1001")
    assert (record.campaign_id, record.canvas_id) == ("camp-1", None)
    assert record.properties == {"rating": "2", "question": "delivery"}
    assert record.occurred_at == 1_760_000_000_000
    assert webhook(template()).event_id == record.event_id


def test_two_dispatches_of_one_template_are_two_events() -> None:
    again = template() | {"dispatch_id": "d-2"}
    assert webhook(again).event_id != webhook(template()).event_id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("external_user_id", ""),
        ("dispatch_id", None),
        ("occurred_at", "yesterday"),
        ("event_type", 7),
    ],
)
def test_a_webhook_that_is_not_the_template_is_refused(field: str, value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        webhook(template() | {field: value})
    assert "yesterday" not in str(caught.value)
