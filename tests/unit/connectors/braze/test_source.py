"""Braze's routes, and the webhook template that marketers are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors import braze
from connectors.kit.connector import Intake, MalformedError, Route
from connectors.kit.signatures import Signed
from gridwire.records import BrazeFeedback, BrazeSend, Engagement
from gridwire.settings import Secret, SettingsError
from gridwire.topics import BRAZE_FEEDBACK, BRAZE_SENDS
from tests.unit.connectors.braze.events import event, settings
from tests.unit.connectors.steps import NOW_MS, delivery

TEMPLATES = Path(__file__).parents[4] / "docs" / "braze-templates.md"
LIQUID = {
    "{{campaign.${dispatch_id}}}": "d-1",
    "{{campaign.${api_id}}}": "camp-1",
    "{{canvas.${api_id}}}": "",
    "{{${user_id}}}": "c-1",
    "{{ 'now' | date: '%Y-%m-%dT%H:%M:%SZ' }}": "2025-10-09T08:53:20Z",
    "{{event_properties.${order_id}}}": "1001",
    "{{event_properties.${rating}}}": "2",
    "{{event_properties.${coupon}}}": "AUTUMN",
    "{{event_properties.${comment} | json_escape}}": "left in the rain",
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


def template(name: str = "webhook") -> dict[str, Any]:
    """The JSON that docs/braze-templates.md has marketers copy, with its Liquid filled in."""
    text = TEMPLATES.read_text().split(f"<!-- {name} -->")[1]
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
    assert (record.event_type, record.order_ref) == ("webhook.coupon_shown", "bigcommerce:1001")
    assert (record.campaign_id, record.canvas_id) == ("camp-1", None)
    assert record.properties == {"coupon": "AUTUMN"}
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


# ---- feedback ------------------------------------------------------------------------------------
def feedback(**changed: Any) -> BrazeFeedback:
    body = template("feedback") | changed
    given = route("braze.webhooks", webhook_token=Secret("hook")).read(delivery(body))
    ((topic, record),) = given.records
    assert topic is BRAZE_FEEDBACK
    assert isinstance(record, BrazeFeedback)
    return record


def test_the_template_of_feedback_is_read_as_such_and_as_nothing_else() -> None:
    found = feedback()
    assert (found.customer_ref, found.order_ref) == ("c-1", "bigcommerce:1001")
    assert (found.kind, found.concerns) == ("survey", "delivery")
    assert (found.score, found.scale_max) == (2.0, 5.0)
    assert found.question == "How was the delivery of your order?"
    assert found.text == "left in the rain"
    assert (found.campaign_id, found.canvas_id) == ("camp-1", None)
    assert BRAZE_FEEDBACK.key(found) == "bigcommerce:1001"


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("survey_answered", "survey"),
        ("low_rating", "low_rating"),
        ("churn_signal", "churn_signal"),
        ("campaign_feedback", "campaign"),
    ],
)
def test_the_event_type_says_what_kind_of_feedback_it_is(event_type: str, kind: str) -> None:
    assert feedback(event_type=event_type).kind == kind


def test_feedback_is_told_apart_by_dispatch_user_type_and_question() -> None:
    ids = {
        feedback(**changed).feedback_id
        for changed in (
            {},
            {"dispatch_id": "d-2"},
            {"external_user_id": "c-2"},
            {"event_type": "low_rating"},
            {"question": "And the invoice?"},
        )
    }
    assert len(ids) == 5
    assert feedback().event_id == feedback().feedback_id in ids


def test_what_liquid_leaves_empty_is_not_there() -> None:
    found = feedback(order_ref="", score="", scale_max=None, text="", concerns="the weather")
    assert (found.order_ref, found.score, found.scale_max, found.text) == (None,) * 4
    assert found.concerns == "other"
    assert BRAZE_FEEDBACK.key(found) == "c-1"


@pytest.mark.parametrize("score", ["very good", "nan", "inf"])
def test_a_score_that_is_no_number_is_refused_with_the_place_to_mend(score: str) -> None:
    with pytest.raises(MalformedError, match=r"body\.score: .*braze-templates\.md") as caught:
        feedback(score=score)
    assert score not in str(caught.value).replace("number", "")


def test_names_of_feedback_events_are_configured() -> None:
    given = route(
        "braze.webhooks",
        webhook_token=Secret("hook"),
        feedback_events={"nps": "survey"},
    )
    found = [given.read(delivery(template("feedback") | {"event_type": e})) for e in ("nps", "x")]
    assert [one.records[0][1].__class__.__name__ for one in found] == [
        "BrazeFeedback",
        "Engagement",
    ]


# ---- postbacks -----------------------------------------------------------------------------------
POSTBACK: dict[str, Any] = {
    "dispatch_id": "d-1",
    "status": "delivered",
    "metadata": {
        "external_send_id": "9f1b6c0e-0000-5000-8000-000000000001",
        "campaign_api_id": "case-open",
        "received_at": "2025-10-09T08:53:18.000+00:00",
        "delivered_at": "2025-10-09T08:53:20.000+00:00",
    },
}


def posted(body: Any) -> Intake:
    return route("braze.postbacks", postback_secret=Secret("s3cret")).read(delivery(body))


def send(**changed: Any) -> BrazeSend:
    ((topic, record),) = posted(POSTBACK | changed).records
    assert topic is BRAZE_SENDS
    assert isinstance(record, BrazeSend)
    return record


def test_a_postback_leads_back_to_the_command_that_asked_for_the_message() -> None:
    found = send()
    assert found.external_send_id == found.causation_id == POSTBACK["metadata"]["external_send_id"]
    assert (found.status, found.dispatch_id, found.campaign_id) == ("delivered", "d-1", "case-open")
    assert found.occurred_at == NOW_MS
    assert send().event_id == found.event_id != send(status="bounced").event_id


def test_why_a_message_was_not_delivered_is_kept_without_addresses() -> None:
    metadata = POSTBACK["metadata"] | {"reason": "550 5.1.1 <jo@example.com> no\nsuch user"}
    found = send(status="bounced", metadata=metadata)
    assert found.reason is not None
    assert "jo@example.com" not in found.reason
    assert "such user" in found.reason


def test_messages_of_others_are_left_out_and_new_statuses_counted() -> None:
    metadata = {"campaign_api_id": "case-open"}
    others = posted(POSTBACK | {"metadata": metadata})
    assert others == Intake(filtered={"transactional message of somebody else": 1})
    assert posted(POSTBACK | {"status": "opened"}) == Intake(unknown={"transactional.opened": 1})


@pytest.mark.parametrize("body", [None, {}, POSTBACK | {"dispatch_id": ""}])
def test_what_is_no_postback_is_refused(body: Any) -> None:
    with pytest.raises(MalformedError):
        posted(body)


def test_postbacks_prove_themselves_by_the_secret_in_their_url() -> None:
    assert [one.name for one in braze.source(settings()).routes] == ["braze.currents"]
    (scheme,) = route("braze.postbacks", postback_secret=Secret("s3cret")).verify
    assert scheme.verify(Signed({}, {"secret": "s3cret"}, {}, b"{}", 0.0)) is None
    for query in ({}, {"secret": "guess"}):
        assert scheme.verify(Signed({}, query, {}, b"{}", 0.0)) is not None
