"""Catalogue items: what waits together becomes few requests, and no return to stock is lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as no_deadline
from hypothesis import strategies as st

from connectors import braze
from connectors.braze.item_ids import item_id, sku_of
from connectors.kit.connector import (
    Done,
    Item,
    ItemResult,
    OperationError,
    Rejected,
    Request,
    Response,
)
from gridwire.records import UpsertCatalogItem
from tests.unit.connectors.braze.events import settings
from tests.unit.connectors.steps import answer

SINK = braze.sink(settings())
OPERATION = SINK.operations["upsert_catalog_item"]
TAKEN = answer(202, {"message": "success"})


def item(sku: str, stock: int, sequence: int = 1, **fields: str) -> UpsertCatalogItem:
    return UpsertCatalogItem(
        catalog="products", sku=sku, stock=stock, sequence=sequence, fields=fields
    )


def written(
    bodies: Sequence[UpsertCatalogItem], *answers: Response
) -> tuple[list[list[Any]], list[ItemResult]]:
    """The rows of each request, and each command's result; after `answers`, everything is taken."""
    assert OPERATION.bulk is not None
    steps = OPERATION.bulk.steps([Item(None, body) for body in bodies])
    left, requests = list(answers), []
    try:
        step = next(steps)
        while True:
            assert isinstance(step, Request)
            assert (step.method, step.path) == ("PUT", "/catalogs/products/items")
            requests.append(step.json["items"])
            step = steps.send(left.pop(0) if left else TAKEN)
    except StopIteration as end:
        return requests, list(end.value)


def stocks(requests: Sequence[Sequence[Any]], sku: str) -> list[int]:
    return [row["stock"] for rows in requests for row in rows if row["id"] == sku]


# ---- coalescing ----------------------------------------------------------------------------------
def test_items_share_a_request_and_the_last_value_of_each_wins() -> None:
    bodies = [item("A", 4), item("B", 1), item("A", 3, status="low"), item("A", 2, status="lower")]
    requests, results = written(bodies)
    assert requests == [
        [{"status": "lower", "stock": 2, "id": "A"}, {"stock": 1, "id": "B"}],
    ]
    assert results == [Done("A"), Done("B"), Done("A"), Done("A")]


def test_a_zero_and_what_follows_it_are_never_one() -> None:
    requests, results = written([item("A", 0), item("A", 5), item("B", 1)])
    assert [[row["id"] for row in rows] for rows in requests] == [["A", "B"], ["A"]]
    assert stocks(requests, "A") == [0, 5]
    assert all(isinstance(one, Done) for one in results)


def test_an_older_sequence_does_not_replace_a_newer_one() -> None:
    requests, results = written([item("A", 7, 9), item("A", 0, 8), item("A", 6, 10)])
    assert stocks(requests, "A") == [6]
    assert len(results) == 3


STOCKS = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def returns(seen: Sequence[int]) -> int:
    """How often an item came back into stock."""
    return sum(before == 0 < after for before, after in pairwise(seen))


@no_deadline(deadline=None)
@given(values=STOCKS, cuts=st.sets(st.integers(1, 11)))
def test_braze_sees_every_return_to_stock_however_commands_fall_into_batches(
    values: list[int], cuts: set[int]
) -> None:
    bodies = [item("A", stock, place) for place, stock in enumerate(values)]
    bounds = [0, *sorted(cut for cut in cuts if cut < len(values)), len(values)]
    seen = [
        stock
        for start, end in pairwise(bounds)
        for stock in stocks(written(bodies[start:end])[0], "A")
    ]
    assert returns(seen) == returns(values)
    assert seen[-1] == values[-1]


@no_deadline(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 2)), min_size=1, max_size=40))
def test_no_request_names_an_item_twice_and_each_command_has_a_result(
    values: list[tuple[str, int]],
) -> None:
    bodies = [item(sku, stock, place) for place, (sku, stock) in enumerate(values)]
    requests, results = written(bodies)
    assert all(len({row["id"] for row in rows}) == len(rows) for rows in requests)
    assert len(results) == len(values)


def test_a_request_has_at_most_50_items() -> None:
    requests, _ = written([item(f"SKU-{number}", 1) for number in range(120)])
    assert [len(rows) for rows in requests] == [50, 50, 20]


# ---- refusals ------------------------------------------------------------------------------------
def refusal(*values: Any, status: int = 400) -> Response:
    error = {"id": "invalid-fields", "message": "no", "parameters": [], "parameter_values": values}
    return answer(status, {"message": "Invalid Request", "errors": [error]})


def test_a_field_that_the_catalogue_lacks_costs_only_the_items_that_have_it() -> None:
    requests, results = written([item("A", 1, colour="red"), item("B", 2)], refusal("colour"))
    assert [[row["id"] for row in rows] for rows in requests] == [["A", "B"], ["B"]]
    assert isinstance(results[0], Rejected)
    assert results[1] == Done("B")


def test_a_value_that_does_not_fit_costs_only_the_item_that_has_it() -> None:
    bodies = [item("A", 1, since="soon"), item("B", 2, since="2025-10-09")]
    requests, results = written(bodies, refusal("since", "soon"))
    assert len(requests) == 2
    assert [isinstance(one, Done) for one in results] == [False, True]


def test_an_unknown_catalogue_refuses_everything_at_once() -> None:
    requests, results = written([item("A", 1), item("B", 2)], refusal(status=404))
    assert len(requests) == 1
    assert all(isinstance(one, Rejected) and "no such catalog" in one.reason for one in results)


def test_a_refusal_that_names_nobody_narrows_the_batch_down() -> None:
    with pytest.raises(OperationError):
        written([item("A", 1), item("B", 2)], refusal())


def test_an_item_that_braze_could_not_take_does_not_spoil_the_request() -> None:
    bodies = [item("A", 1, text="x" * 5_001), item("x" * 251, 1), item("B", 2)]
    requests, results = written(bodies)
    assert requests == [[{"stock": 2, "id": "B"}]]
    assert [isinstance(one, Rejected) for one in results] == [True, True, False]


def test_nothing_is_asked_where_no_item_fits() -> None:
    assert written([item("", 1)])[0] == []


def test_one_item_alone_is_judged_as_any_other() -> None:
    body = item("A/1", 0, status="backorder")
    steps = OPERATION.steps(None, body)
    asked = next(steps)
    assert isinstance(asked, Request)
    assert asked.json == {"items": [{"status": "backorder", "stock": 0, "id": "A__2F1"}]}
    found = SINK.platform.verdict(asked, answer(404, {"message": "Invalid Request"}))
    assert isinstance(found, Rejected)
    with pytest.raises(OperationError):
        next(OPERATION.steps(None, item("", 1)))


# ---- pace ----------------------------------------------------------------------------------------
def test_ten_requests_a_minute_at_most_and_one_at_a_time() -> None:
    (asked,) = [next(OPERATION.steps(None, item("A", 1)))]
    pace = SINK.platform.paces[SINK.platform.budget(asked)]  # type: ignore[arg-type]
    assert pace.start_per_s == pace.most_per_s == pytest.approx(9.5 / 60)
    assert OPERATION.bulk is not None
    assert OPERATION.bulk.parallel_max == 1
    assert OPERATION.bulk.in_order
    assert OPERATION.bulk.group(None, item("A", 1)) == "products"


# ---- ids -----------------------------------------------------------------------------------------
@no_deadline(deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_sku_has_an_id_of_its_own_that_leads_back_to_it(sku: str) -> None:
    found = item_id(sku)
    assert all(one.isascii() and (one.isalnum() or one in "-_") for one in found)
    assert sku_of(found) == sku


@pytest.mark.parametrize("sku", ["LAMP-1", "lamp_1", "A__B", "1"])
def test_a_sku_that_can_be_an_id_is_one(sku: str) -> None:
    assert item_id(sku) == sku


@no_deadline(deadline=None)
@given(st.from_regex(r"[A-F0-9_]{1,12}", fullmatch=True))
def test_skus_that_look_like_written_bytes_lead_back_too(sku: str) -> None:
    assert sku_of(item_id(sku)) == sku


def test_an_id_that_is_none_of_ours_is_its_own_sku() -> None:
    assert sku_of("A__FF") == "A__FF"
