"""Feeds that fill tables: orders, products, customers."""

from itertools import permutations
from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import START_MS, Driver
from streams.feeds import customers, orders, products
from streams.tables import CUSTOMERS, ORDERS, PARTNERS, PRODUCTS
from tests.unit.streams.making import (
    MINUTE_MS,
    ORDER,
    SKU,
    customer,
    event,
    line,
    order,
    partner,
    shop_product,
)


def orders_driver(*partners: r.Partner) -> Driver:
    driver = Driver(orders.FLOW)
    for one in partners:
        driver.row(PARTNERS, one)
    return driver


def test_an_order_is_kept_in_the_common_form_with_its_region_and_each_lines_partner() -> None:
    driver = orders_driver(partner("pt_1"), partner("pt_2", skus=("SKU-2",)))
    lines = (line("1", SKU, 2), line("2", "SKU-2", 1), line("3", "SKU-9", 1))
    driver.send(
        topics.BIGCOMMERCE_ORDERS,
        order(*lines, status_id=3, ship_country="US", ship_subdivision="California"),
    )
    row = driver.table(ORDERS)[ORDER]
    assert (row.status, row.ship_region, row.platform) == (
        "partially_shipped",
        "US-CA",
        "bigcommerce",
    )
    assert [one.partner_id for one in row.lines] == ["pt_1", "pt_2", None]


def test_an_older_version_of_an_order_never_overwrites_a_newer_one() -> None:
    driver = orders_driver()
    driver.send(topics.BIGCOMMERCE_ORDERS, order(version=5, status_id=2))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(version=4, status_id=11))
    assert driver.table(ORDERS)[ORDER].status == "shipped"
    assert driver.filtered["feed.orders", "keep", "older version"] == 1


def test_only_an_active_partner_gets_a_line_and_keeps_it_when_suspended_later() -> None:
    driver = orders_driver(partner("pt_1"), partner("pt_2", skus=("SKU-2",), status="onboarding"))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-2")))
    assert [one.partner_id for one in driver.table(ORDERS)[ORDER].lines] == ["pt_1", None]
    driver.row(PARTNERS, partner("pt_1", status="suspended", version=2))
    driver.send(topics.BIGCOMMERCE_ORDERS, order(line("1"), line("2", "SKU-2"), version=2))
    assert [one.partner_id for one in driver.table(ORDERS)[ORDER].lines] == ["pt_1", None]


def test_a_product_is_published_with_the_stock_before_its_latest_change() -> None:
    driver = Driver(products.FLOW)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=1, available_to_sell=3))
    driver.advance(minutes=1)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=2, available_to_sell=3))
    driver.advance(minutes=1)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=2, available_to_sell=0))
    row = driver.table(PRODUCTS)[SKU]
    assert (row.available_to_sell, row.stock_at) == (0, START_MS + 2 * MINUTE_MS)
    assert (row.available_before, row.stock_before_at) == (3, START_MS + MINUTE_MS)
    assert row.stock_since == START_MS + 2 * MINUTE_MS
    driver.advance(minutes=1)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=3, available_to_sell=0))
    assert driver.table(PRODUCTS)[SKU].stock_since == START_MS + 2 * MINUTE_MS


def test_stock_that_is_not_tracked_is_not_known() -> None:
    driver = Driver(products.FLOW)
    driver.send(
        topics.BIGCOMMERCE_PRODUCTS,
        shop_product(inventory_tracked=False, available_to_sell=0),
    )
    assert driver.table(PRODUCTS)[SKU].available_to_sell is None


def test_an_older_version_or_reading_of_a_product_is_not_published() -> None:
    driver = Driver(products.FLOW)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=2, name="new"))
    driver.send(topics.BIGCOMMERCE_PRODUCTS, shop_product(version=1, name="old"))
    read_before = shop_product(version=2, name="old", produced_at=START_MS - 1)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, read_before)
    assert [row.name for row in driver.out(topics.PRODUCTS)] == ["new"]
    assert driver.filtered["feed.products", "publish", "older version"] == 2


def test_a_deleted_product_loses_the_shops_ids_though_bigcommerce_names_no_sku() -> None:
    driver = Driver(products.FLOW)
    shop = [
        shop_product("SKU-1", variant_id=1, variants=2, version=1),
        shop_product("SKU-2", variant_id=2, variants=2, version=1),
        shop_product("SKU-3", product_id=78, version=1),
    ]
    driver.send(topics.BIGCOMMERCE_PRODUCTS, *shop)
    gone = shop_product("", variant_id=2, variants=0, deleted=True, version=2)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, gone)
    found = {sku: row.bigcommerce_product_id for sku, row in driver.table(PRODUCTS).items()}
    assert found == {"SKU-1": 77, "SKU-2": None, "SKU-3": 78}
    whole = shop_product("", variant_id=None, variants=0, deleted=True, version=3)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, whole)
    assert driver.table(PRODUCTS)["SKU-1"].bigcommerce_product_id is None


def test_a_deleted_product_that_nobody_knew_is_counted() -> None:
    driver = Driver(products.FLOW)
    gone = shop_product("", product_id=5, deleted=True)
    driver.send(topics.BIGCOMMERCE_PRODUCTS, gone)
    assert driver.out(topics.PRODUCTS) == []
    assert driver.filtered["feed.products", "withdraw", "deleted product not known"] == 1


def profile(**fields: Any) -> r.BrazeProfile:
    given: dict[str, Any] = {"customer_ref": "c1", "known": True}
    return r.BrazeProfile(**(given | fields))


def test_partial_facts_about_a_customer_are_merged() -> None:
    driver = Driver(customers.FLOW)
    driver.send(topics.BRAZE_PROFILES, profile(email="subscribed", value_tier="gold"))
    driver.advance(seconds=1)
    driver.send(topics.BRAZE_PROFILES, profile(email="unsubscribed", region="US-CA"))
    row = driver.table(CUSTOMERS)["c1"]
    assert (row.email, row.push, row.value_tier, row.region) == (
        "unsubscribed",
        "unknown",
        "gold",
        "US-CA",
    )


def test_an_older_fact_only_fills_in_what_is_not_known() -> None:
    driver = Driver(customers.FLOW)
    driver.send(topics.BRAZE_PROFILES, profile(email="unsubscribed"))
    older = profile(email="subscribed", push="subscribed", known=False, occurred_at=START_MS - 1)
    driver.send(topics.BRAZE_PROFILES, older)
    row = driver.table(CUSTOMERS)["c1"]
    assert (row.known_to_braze, row.email, row.push) == (True, "unsubscribed", "subscribed")


def test_two_facts_about_two_channels_come_in_any_order_and_no_unsubscribe_is_lost() -> None:
    facts = [
        profile(email="subscribed", push="subscribed", value_tier="gold", region="US-CA"),
        profile(email="unsubscribed", value_tier="silver", occurred_at=START_MS + 1_000),
        profile(push="unsubscribed", region="US-NY", occurred_at=START_MS + 2_000),
    ]
    for order_of_arrival in permutations(facts):
        driver = Driver(customers.FLOW)
        for fact in order_of_arrival:
            driver.send(topics.BRAZE_PROFILES, fact)
        row = driver.table(CUSTOMERS)["c1"]
        assert (row.email, row.push) == ("unsubscribed", "unsubscribed")
        assert (row.value_tier, row.region) == ("silver", "US-NY")


def test_a_row_from_before_fields_had_times_yields_only_to_what_is_newer_than_it() -> None:
    driver = Driver(customers.FLOW)
    driver.row(CUSTOMERS, customer("c1", version=START_MS, sms="unknown"))
    older = profile(email="unsubscribed", sms="subscribed", occurred_at=START_MS - 1)
    driver.send(topics.BRAZE_PROFILES, older)
    row = driver.table(CUSTOMERS)["c1"]
    assert (row.email, row.sms, row.version) == ("subscribed", "subscribed", START_MS)


def test_a_customer_that_braze_does_not_know_is_known_as_such_until_it_acts() -> None:
    driver = Driver(customers.FLOW)
    driver.send(topics.BRAZE_PROFILES, profile(known=False))
    assert driver.table(CUSTOMERS)["c1"].known_to_braze is False
    driver.advance(minutes=1)
    driver.send(topics.BRAZE_ENGAGEMENT, event(user="c1"))
    assert driver.table(CUSTOMERS)["c1"].known_to_braze is True


def test_an_identified_event_makes_a_customer_known_once_and_an_anonymous_one_nobody() -> None:
    driver = Driver(customers.FLOW)
    anonymous = event(user="braze-id", identified=False)
    driver.send(topics.BRAZE_ENGAGEMENT, event(user="c1"), event(user="c1"), anonymous)
    driver.send(topics.BRAZE_ENGAGEMENT, event(user="c1"))
    assert list(driver.table(CUSTOMERS)) == ["c1"]
    assert len(driver.out(topics.CUSTOMER_FACTS)) == 1
    assert driver.filtered["feed.customers", "seen", "customer already known"] == 2
    assert driver.filtered["feed.customers", "seen", "user not identified"] == 1


def test_an_unsubscribe_closes_email_even_behind_another_event_of_the_batch() -> None:
    driver = Driver(customers.FLOW)
    events = (event("email_open", user="c1"), event("email_unsubscribe", user="c1"))
    driver.send(topics.BRAZE_ENGAGEMENT, *events)
    assert driver.table(CUSTOMERS)["c1"].email == "unsubscribed"
    driver.send(topics.BRAZE_ENGAGEMENT, event("email_unsubscribe", user="c1"))
    assert len(driver.out(topics.CUSTOMER_FACTS)) == 2
