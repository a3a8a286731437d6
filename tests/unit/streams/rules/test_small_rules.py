"""Regions, partners, references, consent, selling votes, order states, precedence."""

from typing import Any

import pytest

from gridwire import records as r
from streams.rules import consent, orders, partners, references, regions
from streams.rules.precedence import Claim, speaker
from streams.rules.selling import selling_state
from tests.unit.streams.making import ORDER, customer, line, partner, thread

REGIONAL: dict[str, Any] = {
    "roles": ("distributor", "3pl", "warehouse"),
    "entitlement": "engagement_insights",
}


@pytest.mark.parametrize(
    ("country", "subdivision", "region"),
    [
        ("US", "California", "US-CA"),
        ("us", "ca", "US-CA"),
        ("US", "US-CA", "US-CA"),
        ("DE", "Baden-Württemberg", "DE-BW"),
        ("CA", "California", "CA"),
        ("FR", "Bretagne", "FR"),
        ("US", "", "US"),
        ("US", None, "US"),
        (None, "California", None),
        ("", "California", None),
    ],
)
def test_a_region_is_as_fine_as_country_and_subdivision_are_known(
    country: str | None, subdivision: str | None, region: str | None
) -> None:
    assert regions.region_of(country, subdivision) == region


def test_serving_a_country_covers_its_subdivisions_and_not_the_other_way_round() -> None:
    assert regions.covered("US-CA", ["US"])
    assert regions.covered("US-CA", ["US-CA"])
    assert not regions.covered("US", ["US-CA"])
    assert not regions.covered("US-CA", ["US-NV", "CA"])


def test_an_active_supplier_goes_before_a_distributor_that_lists_the_product() -> None:
    distributor = partner("pt_0", roles=("distributor",))
    suspended = partner("pt_1", status="suspended")
    supplier = partner("pt_2")
    assert partners.supplier_of([distributor, suspended, supplier]) == supplier
    assert partners.supplier_of([distributor, suspended]) == distributor
    assert partners.supplier_of([suspended]) is None


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, True),
        ({"regions": ("US",)}, True),
        ({"regions": ("DE",)}, False),
        ({"product_lines": ("shoes",)}, True),
        ({"product_lines": ("hats",)}, False),
        ({"status": "suspended"}, False),
    ],
)
def test_a_supplier_sees_its_own_figures_within_its_regions_and_lines(
    fields: dict[str, Any], may: bool
) -> None:
    assert partners.may_see_own(partner(**fields), "US-CA", "shoes") is may


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({"roles": ("distributor",), "regions": ("US-CA",)}, True),
        ({"roles": ("3pl",), "regions": ("US",)}, True),
        ({"roles": ("warehouse",), "regions": ("US",), "product_lines": ("hats",)}, False),
        ({"roles": ("retailer",), "regions": ("US",)}, False),
        (
            {"roles": ("retailer",), "regions": ("US",), "entitlements": ("engagement_insights",)},
            True,
        ),
        ({"roles": ("distributor",), "regions": ()}, False),
        ({"roles": ("distributor",), "regions": ("US",), "status": "onboarding"}, False),
    ],
)
def test_who_serves_a_region_sees_its_figures_by_role_or_entitlement(
    fields: dict[str, Any], may: bool
) -> None:
    assert partners.may_see_region(partner(**fields), "US-CA", "shoes", **REGIONAL) is may


def test_figures_of_an_unknown_region_are_the_suppliers_alone() -> None:
    everywhere = partner(roles=("distributor",), regions=("US", "DE"))
    assert partners.may_see_own(everywhere, "", None)
    assert not partners.may_see_region(everywhere, "", None, **REGIONAL)


def test_a_thread_names_each_order_once_and_other_things_are_no_orders() -> None:
    related = (
        r.Related(type="order", id=ORDER),
        r.Related(type="product", id="77"),
        r.Related(type="order", id=ORDER),
        r.Related(type="order", id="bigcommerce:2"),
    )
    assert references.order_refs(thread(related=related)) == (ORDER, "bigcommerce:2")


def test_an_external_reference_tells_order_line_partner_and_occurrence_apart() -> None:
    assert references.external_ref(ORDER, "pt_1", 2) == "bigcommerce:1001/pt_1/2"
    assert references.external_ref(ORDER, "pt_1", 1, "9") == "bigcommerce:1001/9/pt_1/1"


@pytest.mark.parametrize(
    ("consents", "allowed"),
    [
        (("subscribed", "opted_in", "subscribed"), ("email", "push", "sms")),
        (("unsubscribed", "subscribed", "unknown"), ("push",)),
        (("unknown", "unknown", "unknown"), ("email", "push")),
        (("unsubscribed", "unsubscribed", "unknown"), ()),
    ],
)
def test_consent_opens_channels_and_sms_needs_a_yes(
    consents: tuple[str, str, str], allowed: tuple[str, ...]
) -> None:
    email, push, sms = consents
    assert consent.channels(customer(email=email, push=push, sms=sms)) == allowed


def test_a_product_sells_while_nobody_votes_against_it() -> None:
    assert selling_state({}).purchasable
    stopped = selling_state({"availability": "later", "restricted": "not now"})
    assert (stopped.purchasable, stopped.message) == (False, "not now")
    assert selling_state({"availability": "later"}).message == "later"


def test_a_vote_for_an_unknown_cause_is_refused() -> None:
    with pytest.raises(ValueError, match="add it to CAUSES"):
        selling_state({"weather": "rain"})


@pytest.mark.parametrize(
    ("status", "shipped", "refunded", "open_units", "left"),
    [
        ("awaiting_shipment", 0, 0, 5, 0),
        ("partially_shipped", 2, 1, 2, 2),
        ("shipped", 0, 1, 0, 4),
        ("completed", 5, 5, 0, 5),
        ("cancelled", 2, 0, 0, 2),
        ("incomplete", 0, 0, 0, 0),
    ],
)
def test_units_of_a_line_are_open_or_have_left(
    status: r.OrderStatus, shipped: int, refunded: int, open_units: int, left: int
) -> None:
    one = line(quantity=5, quantity_shipped=shipped, quantity_refunded=refunded)
    assert (orders.units_open(one, status), orders.units_shipped(one, status)) == (open_units, left)


def test_a_status_id_that_is_new_to_us_is_unknown() -> None:
    assert orders.status_of(99) == "unknown"
    assert orders.status_of(12) == "manual_verification"


def case() -> r.CustomerCase:
    return r.CustomerCase(
        customer_ref="c", order_ref=ORDER, order_status="pending", thread=thread()
    )


def test_of_several_flows_that_want_to_speak_the_first_in_precedence_does() -> None:
    recovery = Claim("braze.service-recovery", lambda one: one.thread.status == "open")
    notification = Claim("braze.case-notification", lambda _: True)
    assert speaker(case(), (notification, recovery)) == "braze.service-recovery"
    assert speaker(case(), (notification,)) == "braze.case-notification"
    assert speaker(case(), ()) is None
