"""BigCommerce's operations, driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import bigcommerce
from connectors.bigcommerce.sink import UNITS_MAX, set_inventory, set_selling
from connectors.kit.connector import OperationError, Rejected, Request
from gridwire.ids import derived
from gridwire.records import BigCommerceCommand, SetInventory, SetSelling
from gridwire.topics import BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS
from tests.unit.connectors.bigcommerce.store import settings
from tests.unit.connectors.steps import answer, play

COMMAND = BigCommerceCommand(
    event_id=derived("a", "command"),
    flow="bigcommerce.availability",
    lane="SKU-1",
    operation="set_inventory",
)
SAVED = answer(200, {"data": {"id": 77}, "meta": {}})


# ---- stock ---------------------------------------------------------------------------------------
def stocked(location_code: str, quantity: int, **changed: Any) -> tuple[Any, str | None]:
    change = SetInventory(sku="SKU-1", location_code=location_code, quantity=quantity, sequence=4)
    steps = set_inventory(COMMAND, change, settings(**changed))
    played = play(steps, answer(200, {"transaction_id": "tx-1"}))
    (asked,) = played.requests
    assert (asked.method, asked.path) == ("PUT", "/v3/inventory/adjustments/absolute")
    return asked.json, played.value.object_id


def test_stock_is_set_absolutely_at_the_mapped_location() -> None:
    body, object_id = stocked("DC-EAST", 12, locations={"DC-EAST": 3})
    assert body["items"] == [{"location_id": 3, "sku": "SKU-1", "quantity": 12}]
    assert COMMAND.event_id in body["reason"]
    assert object_id == "tx-1"


def test_stock_without_a_location_goes_to_the_default_one() -> None:
    body, _ = stocked("", 0, default_location_id=2)
    assert body["items"][0]["location_id"] == 2


def test_a_location_without_an_id_is_refused_with_the_fix() -> None:
    with pytest.raises(OperationError) as caught:
        stocked("MOON", 1)
    assert isinstance(caught.value.verdict, Rejected)
    assert "BIGCOMMERCE_LOCATIONS" in caught.value.verdict.reason


@pytest.mark.parametrize("quantity", [-1, UNITS_MAX + 1])
def test_units_that_bigcommerce_would_not_save_are_refused_before_the_call(quantity: int) -> None:
    with pytest.raises(OperationError) as caught:
        stocked("", quantity)
    assert isinstance(caught.value.verdict, Rejected)


# ---- selling -------------------------------------------------------------------------------------
RELEASE_MS = 1_767_225_600_000


def sold(*answers: Any, **change: Any) -> list[Request]:
    given = SetSelling(sku="SKU-1", product_id=77, **change)
    return play(set_selling(COMMAND, given), *answers).requests


def test_a_variant_has_a_switch_of_its_own() -> None:
    (asked,) = sold(SAVED, variant_id=701, purchasable=False, message="Discontinued")
    assert (asked.method, asked.path) == ("PUT", "/v3/catalog/products/77/variants/701")
    assert asked.json == {
        "purchasing_disabled": True,
        "purchasing_disabled_message": "Discontinued",
    }


def test_lead_time_and_limits_of_a_variant_are_set_on_its_product() -> None:
    first, second = sold(
        SAVED,
        SAVED,
        variant_id=701,
        purchasable=False,
        availability_description="Ships in 5 days",
        quantity_minimum=1,
        quantity_maximum=4,
    )
    assert first.path == "/v3/catalog/products/77/variants/701"
    assert (second.path, second.json) == (
        "/v3/catalog/products/77",
        {
            "availability_description": "Ships in 5 days",
            "order_quantity_minimum": 1,
            "order_quantity_maximum": 4,
        },
    )


@pytest.mark.parametrize(
    ("purchasable", "availability"), [(True, "available"), (False, "disabled")]
)
def test_a_product_without_variants_is_switched_itself(
    purchasable: bool, availability: str
) -> None:
    (asked,) = sold(SAVED, purchasable=purchasable)
    assert asked.json == {"availability": availability}


def test_a_product_shows_the_message_as_its_lead_time() -> None:
    (asked,) = sold(SAVED, purchasable=False, message="Discontinued, see SKU-9")
    assert asked.json == {
        "availability": "disabled",
        "availability_description": "Discontinued, see SKU-9",
    }


def test_a_preorder_starts_with_its_release_date() -> None:
    (asked,) = sold(SAVED, purchasable=True, preorder_release_at=RELEASE_MS)
    assert asked.json == {
        "availability": "preorder",
        "preorder_release_date": "2026-01-01T00:00:00.000Z",
    }


def test_a_product_that_may_not_be_bought_does_not_become_a_preorder() -> None:
    (asked,) = sold(SAVED, purchasable=False, preorder_release_at=RELEASE_MS)
    assert asked.json["availability"] == "disabled"


@pytest.mark.parametrize(
    "change", [{"preorder_release_at": 0}, {"variant_id": 701, "purchasable": True}]
)
def test_a_preorder_ends_only_where_one_is_on(change: dict[str, Any]) -> None:
    switch = [SAVED] if "variant_id" in change else []
    on, off = (answer(200, {"data": {"availability": one}}) for one in ("preorder", "disabled"))
    *_, looked, ended = sold(*switch, on, SAVED, **change)
    assert (looked.method, looked.query) == ("GET", {"include_fields": "availability"})
    assert ended.json == {"availability": "available", "preorder_release_date": None}
    assert [one.method for one in sold(*switch, off, **change)][-1] == "GET"


def test_the_sink_carries_out_bigcommerces_commands_and_no_others() -> None:
    sink = bigcommerce.sink(settings())
    assert (sink.commands, sink.receipts) == (BIGCOMMERCE_COMMANDS, BIGCOMMERCE_RECEIPTS)
    assert set(sink.operations) == {"set_inventory", "set_selling"}
    assert {one.safety_of(None) for one in sink.operations.values()} == {"natural"}
    assert sink.platform.base_url == "https://api.bigcommerce.com/stores/abc123"
    assert sink.platform.headers["accept"] == "application/json"
    assert "store-token" not in repr(sink)
