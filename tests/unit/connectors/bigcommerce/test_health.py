"""Webhooks that BigCommerce has switched off are found, switched on again, and told of."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.bigcommerce.health import HookHealth, is_read
from tests.unit.connectors.bigcommerce.store import data
from tests.unit.connectors.steps import NOW_MS, Played, answer, play


def hook(number: int, scope: str = "store/order/*", **changed: Any) -> dict[str, Any]:
    whole = {"id": number, "scope": scope, "destination": "https://x", "is_active": True}
    return whole | changed


def looked(*answers: Any, reactivate: bool = True, cursor: str | None = None) -> Played[Any]:
    return play(HookHealth(reactivate=reactivate).poll(cursor, NOW_MS), *answers)


def test_active_hooks_are_nothing_to_tell_of() -> None:
    played = looked(answer(200, data([hook(1), hook(2, "store/product/updated")])))
    assert (played.value.findings, played.value.records, played.value.cursor) == ({}, (), "")


def test_a_hook_that_was_switched_off_is_switched_on_again_and_told_of() -> None:
    off = hook(2, "store/shipment/*", is_active=False)
    played = looked(answer(200, data([hook(1), off])), answer(200, {"data": off}))
    assert [(one.method, one.path, one.json) for one in played.requests[1:]] == [
        ("PUT", "/v3/hooks/2", {"is_active": True})
    ]
    assert played.value.findings == {"webhook reactivated": 1}


def test_hooks_are_only_told_of_where_that_is_wished_or_they_cannot_be_switched_on() -> None:
    off = [hook(2, is_active=False), hook(3, is_active=False)]
    told = looked(answer(200, data(off)), reactivate=False)
    assert (len(told.requests), told.value.findings) == (1, {"webhook inactive": 2})
    refused = looked(answer(200, data(off)), answer(422, {}), answer(200, {"data": off[1]}))
    assert refused.value.findings == {"webhook inactive": 1, "webhook reactivated": 1}


def test_hooks_of_other_programs_are_left_alone() -> None:
    others = [hook(1, "store/customer/*", is_active=False), hook(2)]
    assert looked(answer(200, data(others))).value.findings == {}


def test_a_store_without_webhooks_is_told_of() -> None:
    assert looked(answer(200, data([]))).value.findings == {"no webhook is registered": 1}


@pytest.mark.parametrize(
    ("scope", "read"),
    [
        ("store/order/created", True),
        ("store/order/*", True),
        ("store/channel/7/order/updated", True),
        ("store/sku/inventory/*", True),
        ("store/customer/*", False),
        ("store/metafield/*", False),
        ("store/product/metafield/updated", False),
    ],
)
def test_whose_hooks_are_ours_is_told_by_their_scope(scope: str, *, read: bool) -> None:
    assert is_read(scope) == read
