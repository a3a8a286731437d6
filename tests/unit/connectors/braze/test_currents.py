"""Currents batches become engagement and consent records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.braze import currents
from connectors.braze.currents import PRODUCTS_MAX
from connectors.kit.connector import Intake, MalformedError
from gridwire.records import BrazeProfile, Engagement, StockSubscription
from gridwire.topics import BRAZE_ENGAGEMENT, BRAZE_PROFILES
from tests.unit.connectors.braze.events import CLICK, SMS_GROUP, custom, event, settings


def read(*events: Any, **changed: Any) -> Intake:
    return currents.batch({"events": list(events)}, settings(**changed))


def engagements(*events: Any, **changed: Any) -> list[Engagement]:
    found = read(*events, **changed)
    assert not found.broken
    assert not found.unknown
    records = [record for topic, record in found.records if topic is BRAZE_ENGAGEMENT]
    return [record for record in records if isinstance(record, Engagement)]


def profiles(*events: Any, **changed: Any) -> list[BrazeProfile]:
    found = read(*events, **changed)
    assert not found.broken
    records = [record for topic, record in found.records if topic is BRAZE_PROFILES]
    return [record for record in records if isinstance(record, BrazeProfile)]


# ---- messages ------------------------------------------------------------------------------------
def test_a_click_keeps_campaign_and_bot_flag_and_names_the_product_of_its_link() -> None:
    (click,) = engagements(event("users.messages.email.Click", CLICK))
    assert (click.kind, click.channel, click.campaign_id) == ("email_click", "email", "camp-1")
    assert (click.suspected_bot, click.machine_open, click.canvas_id) == (True, False, None)
    assert (click.sku, click.user_id, click.identified) == ("SKU-1", "c-1", True)
    assert (click.occurred_at, click.version) == (1_760_000_000_000, 0)
    assert click.properties["link_alias"] == "hero"
    assert click.properties["suspected_bot_click_reason"] == '["datacenter"]'


def test_personal_data_of_a_message_event_stops_at_the_source() -> None:
    (click,) = engagements(event("users.messages.email.Click", CLICK))
    assert not {"email_address", "user_agent", "ip_pool"} & click.properties.keys()
    assert "jo@example.com" not in str(click)


@pytest.mark.parametrize(
    ("url", "sku"),
    [
        ("https://shop.example/p?utm=x&sku=A%2F1#top", "A/1"),
        ("https://shop.example/products/SKU-7?utm=x", "SKU-7"),
        ("https://shop.example/about", None),
        ("not a url: [", None),
        ("?sku=&x=1", None),
        (7, None),
        (None, None),
    ],
)
def test_a_link_names_its_product_by_parameter_or_path(url: Any, sku: str | None) -> None:
    (click,) = engagements(event("users.messages.email.Click", CLICK | {"url": url}))
    assert click.sku == sku


@pytest.mark.parametrize(
    ("said", "machine"), [("true", True), (True, True), (None, False), ("false", False)]
)
def test_a_machine_open_is_flagged_however_braze_writes_it(said: Any, machine: bool) -> None:
    (opened,) = engagements(event("users.messages.email.Open", {"machine_open": said}))
    assert (opened.kind, opened.machine_open) == ("email_open", machine)


@pytest.mark.parametrize(
    ("event_type", "kind", "channel"),
    [
        ("users.messages.email.Send", "email_send", "email"),
        ("users.messages.email.Delivery", "email_delivery", "email"),
        ("users.messages.email.SoftBounce", "email_bounce", "email"),
        ("users.messages.email.Unsubscribe", "email_unsubscribe", "email"),
        ("users.messages.email.MarkAsSpam", "other", "email"),
        ("users.messages.pushnotification.Open", "push_open", "push"),
        ("users.messages.inappmessage.Impression", "in_app_impression", "in_app"),
        ("users.messages.inappmessage.Click", "in_app_click", "in_app"),
        ("users.campaigns.Conversion", "conversion", None),
        ("users.canvas.Conversion", "conversion", None),
        ("users.canvas.exit.PerformedEvent", "other", None),
    ],
)
def test_each_type_of_event_has_its_kind_and_channel(
    event_type: str, kind: str, channel: str | None
) -> None:
    (found,) = engagements(event(event_type, {}))
    assert (found.kind, found.channel, found.event_type) == (kind, channel, event_type)


def test_a_user_without_external_id_is_keyed_by_braze_id_and_not_identified() -> None:
    (found,) = engagements(
        event("users.messages.email.Open", {}, user={"user_id": "639a35d192b0df004d06514c"})
    )
    assert (found.user_id, found.identified) == ("639a35d192b0df004d06514c", False)


# ---- shopping ------------------------------------------------------------------------------------
PRODUCTS = [
    {"product_id": "SKU-1", "variant_id": "v1", "quantity": 2, "price": 19.99},
    {"product_id": "SKU-2", "variant_id": "v2", "quantity": 1, "price": "5"},
]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ecommerce.product_viewed", "product_view"),
        ("ecommerce.cart_updated", "cart_update"),
        ("ecommerce.checkout_started", "checkout"),
        ("ecommerce.order_placed", "order_placed"),
        ("survey_answered", "other"),
    ],
)
def test_a_custom_event_has_the_kind_that_its_name_is_configured_for(name: str, kind: str) -> None:
    (found,) = engagements(custom(name, {"product_id": "SKU-1"}))
    assert (found.kind, found.sku, found.properties["name"]) == (kind, "SKU-1", name)


def test_an_order_of_two_products_becomes_two_records_with_ids_of_their_own() -> None:
    facts = {"order_id": 1001, "currency": "usd", "region": "US-CA", "products": PRODUCTS}
    first, second = engagements(custom("ecommerce.order_placed", facts))
    assert (first.sku, first.quantity, first.revenue_minor) == ("SKU-1", 2, 3998)
    assert (second.sku, second.quantity, second.revenue_minor) == ("SKU-2", 1, 500)
    assert {first.currency, second.currency} == {"USD"}
    assert {first.order_ref, second.order_ref} == {"bigcommerce:1001"}
    assert {first.region, second.region} == {"US-CA"}
    assert first.event_id != second.event_id
    assert first.trace_id == second.trace_id


def test_an_event_of_very_many_products_is_kept_as_broken() -> None:
    """Each product is a record that repeats the event: 60 kB could become 200 MB."""
    many = custom("ecommerce.cart_updated", {"products": [{"id": "S"}] * (PRODUCTS_MAX + 1)})
    found = read(many)
    assert not found.records
    ((_, reason),) = found.broken
    assert "products" in reason


def test_a_redelivered_event_yields_the_same_ids() -> None:
    order = custom("ecommerce.order_placed", {"products": PRODUCTS})
    assert engagements(order) == engagements(json.loads(json.dumps(order)))


@pytest.mark.parametrize(
    ("currency", "price", "minor"),
    [("JPY", 1980, 1980), ("USD", 19.99, 1999), ("KWD", "1.2345", 1234), ("EUR", 0.1, 10)],
)
def test_money_has_the_digits_of_its_currency(currency: str, price: Any, minor: int) -> None:
    facts = {"sku": "SKU-1", "price": price, "currency": currency}
    (found,) = engagements(custom("ecommerce.product_viewed", facts))
    assert (found.revenue_minor, found.currency) == (minor, currency)


@pytest.mark.parametrize("currency", [None, "", "US", "dollars", 840])
def test_a_price_without_a_currency_is_no_revenue(currency: Any) -> None:
    facts = {"sku": "SKU-1", "price": 5, "currency": currency}
    (found,) = engagements(custom("ecommerce.product_viewed", facts))
    assert (found.revenue_minor, found.currency) == (None, None)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1e999999999", "free", True, {}, -1e30])
def test_a_price_that_is_no_amount_is_no_revenue(price: Any) -> None:
    facts = {"sku": "SKU-1", "price": price, "currency": "USD"}
    (found,) = engagements(custom("ecommerce.product_viewed", facts))
    assert found.revenue_minor is None


@pytest.mark.parametrize(
    ("said", "units"), [(None, 1), (3, 3), ("4", 4), (0, 0), (-2, 1), ("x", 1), (10**12, 1)]
)
def test_units_are_one_where_the_event_names_no_number_of_units(said: Any, units: int) -> None:
    (found,) = engagements(custom("ecommerce.cart_updated", {"sku": "SKU-1", "quantity": said}))
    assert found.quantity == units


def test_a_purchase_takes_product_price_and_currency_from_braze_and_the_rest_from_its_author() -> (
    None
):
    own = {
        "product_id": "SKU-9",
        "price": 3.14,
        "currency": "EUR",
        "purchase_properties": {"quantity": 2, "order_id": "sfcc:00012345", "colour": "red"},
    }
    (bought,) = engagements(event("users.behaviors.Purchase", own))
    assert (bought.kind, bought.sku, bought.quantity) == ("purchase", "SKU-9", 2)
    assert (bought.revenue_minor, bought.currency) == (628, "EUR")
    assert bought.order_ref == "sfcc:00012345"
    assert bought.properties["colour"] == "red"


def test_property_names_are_configuration() -> None:
    facts = {"artikel": "A-1", "menge": 3, "preis": 2, "waehrung": "EUR", "land": "DE"}
    (found,) = engagements(
        custom("warenkorb", facts),
        cart_events=("warenkorb",),
        sku_properties=("artikel",),
        quantity_property="menge",
        price_property="preis",
        currency_property="waehrung",
        region_property="land",
    )
    assert (found.kind, found.sku, found.quantity) == ("cart_update", "A-1", 3)
    assert (found.revenue_minor, found.region) == (600, "DE")


# ---- consent -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("subscribed", "subscribed"),
        ("Unsubscribed", "unsubscribed"),
        ("opted_in", "opted_in"),
        ("Opted In", "opted_in"),
    ],
)
def test_a_global_state_change_is_the_consent_of_its_channel(said: str, state: str) -> None:
    own = {"channel": "email", "subscription_status": said, "email_address": "jo@example.com"}
    (found,) = profiles(event("users.behaviors.subscription.GlobalStateChange", own))
    assert (found.email, found.push, found.sms, found.known) == (state, None, None, True)
    assert (found.customer_ref, found.version) == ("c-1", 1_760_000_000_000)


def test_a_push_state_change_speaks_of_push_alone() -> None:
    own = {"channel": "ios_push", "subscription_status": "unsubscribed"}
    (found,) = profiles(event("users.behaviors.subscription.GlobalStateChange", own))
    assert (found.email, found.push) == (None, "unsubscribed")


def test_the_configured_subscription_group_is_consent_to_sms() -> None:
    own = {"subscription_group_id": SMS_GROUP, "subscription_status": "Subscribed"}
    (found,) = profiles(event("users.behaviors.subscriptiongroup.StateChange", own))
    assert found.sms == "subscribed"


@pytest.mark.parametrize("configured", [None, "another"])
def test_other_subscription_groups_are_counted_as_filtered(configured: str | None) -> None:
    own = {"subscription_group_id": SMS_GROUP, "subscription_status": "Subscribed"}
    found = read(
        event("users.behaviors.subscriptiongroup.StateChange", own), sms_group_id=configured
    )
    assert found.records == ()
    assert found.filtered == {"subscription group not configured": 1}


def test_consent_of_nobody_we_know_is_counted_as_filtered() -> None:
    own = {"channel": "email", "subscription_status": "subscribed"}
    found = read(
        event("users.behaviors.subscription.GlobalStateChange", own, user={"user_id": "x"})
    )
    assert (found.records, found.filtered) == ((), {"consent of a user without external id": 1})


def test_a_state_that_nobody_knows_is_kept_as_broken() -> None:
    own = {"channel": "email", "subscription_status": "perhaps"}
    found = read(event("users.behaviors.subscription.GlobalStateChange", own))
    assert found.records == ()
    ((_, reason),) = found.broken
    assert "perhaps" not in reason


# ---- batches -------------------------------------------------------------------------------------
def test_unknown_types_are_counted_and_unknown_fields_ignored() -> None:
    strange = event("users.messages.hologram.Send", {})
    known = event("users.messages.email.Send", {"new_field": 1}, brand_new={"a": 1})
    found = read(strange, known, strange)
    assert found.unknown == {"users.messages.hologram.Send": 2}
    assert len(found.records) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"event_type": "users.messages.email.Send", "time": 1, "user": {}},
        event("users.messages.email.Send", {}, time=None),
        event("users.messages.email.Send", {}, time=1_760_000_000_000),
        event("users.messages.email.Send", {}, id=""),
        event("users.messages.email.Send", {}, user={}),
        event("users.messages.email.Send", {}, user="c-1"),
        "not an object",
        None,
        7,
    ],
)
def test_a_broken_event_is_kept_with_a_reason_while_the_rest_is_produced(broken: Any) -> None:
    fine = event("users.messages.email.Open", {})
    found = read(fine, broken, custom("ecommerce.cart_updated", {"sku": "SKU-1"}))
    assert len(found.records) == 2
    ((raw, reason),) = found.broken
    assert json.loads(raw) == broken
    assert reason.startswith("event")


@pytest.mark.parametrize("body", [None, [], {}, {"events": {}}, {"event": []}, "x"])
def test_a_body_that_is_no_batch_is_refused_whole(body: Any) -> None:
    with pytest.raises(MalformedError, match="events"):
        currents.batch(body, settings())


def test_an_empty_batch_is_fine() -> None:
    assert read() == Intake()


# ---- back in stock -------------------------------------------------------------------------------
WISH = {"id": "LAMP__2F1", "catalog_name": "products", "type": ["back_in_stock", "price_drop"]}


def wishes(*events: Any, **changed: Any) -> list[StockSubscription]:
    found = read(*events, **changed)
    assert not found.broken
    return [record for _, record in found.records if isinstance(record, StockSubscription)]


def test_a_wish_to_hear_of_stock_is_also_known_by_its_sku() -> None:
    (wish,) = wishes(custom("back_in_stock_subscribed", WISH))
    assert (wish.sku, wish.customer_ref, wish.catalog) == ("LAMP/1", "c-1", "products")
    assert wish.types == ("back_in_stock", "price_drop")
    assert wish.occurred_at == 1_760_000_000_000
    assert len(engagements(custom("back_in_stock_subscribed", WISH))) == 1


@pytest.mark.parametrize(
    "changed", [{"id": None}, {"type": ["price_drop"]}, {"type": "back_in_stock"}, {"type": None}]
)
def test_what_is_no_wish_for_stock_is_an_engagement_event_alone(changed: dict[str, Any]) -> None:
    wish = custom("back_in_stock_subscribed", WISH | changed)
    assert wishes(wish) == []
    assert len(engagements(wish)) == 1


def test_the_event_of_a_wish_is_configured_and_needs_somebody_known() -> None:
    assert wishes(custom("wants_stock", WISH)) == []
    assert len(wishes(custom("wants_stock", WISH), back_in_stock_events=("wants_stock",))) == 1
    nobody = {"user_id": "639a35d192b0df004d06514c", "external_user_id": None}
    assert wishes(custom("back_in_stock_subscribed", WISH, user=nobody)) == []
