"""Braze: catalog items and back-in-stock notices."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sandbox.workspace import NOW, Workspace

ITEMS = "/catalogs/products/items"
WISH = {
    "external_id": "ann",
    "name": "wants_stock",
    "time": NOW,
    "properties": {"id": "LAMP", "catalog_name": "products", "type": ["back_in_stock"]},
}


def kept(workspace: Workspace) -> dict[str, Any]:
    return {item["id"]: item for item in workspace.state("catalogs")[0]["items"]}


def bulk(workspace: Workspace, verb: str, *items: dict[str, Any]) -> None:
    answer = workspace.call(verb, ITEMS, {"items": list(items)})
    assert (answer.status_code, answer.json()) == (202, {"message": "success"})


def test_put_replaces_patch_edits_post_creates_delete_removes(http: httpx.Client) -> None:
    workspace = Workspace(http)
    bulk(workspace, "PATCH", {"id": "LAMP", "stock": 3})
    assert kept(workspace)["LAMP"] == {"id": "LAMP", "stock": 3, "title": "Lamp", "tags": ["new"]}
    bulk(workspace, "PATCH", {"id": "LAMP", "tags": {"$add": ["hot"], "$remove": ["new"]}})
    assert kept(workspace)["LAMP"]["tags"] == ["hot"]
    bulk(workspace, "PUT", {"id": "LAMP", "title": "Lamp 2"}, {"id": "SHIRT", "stock": "4"})
    assert kept(workspace)["LAMP"] == {"id": "LAMP", "title": "Lamp 2"}
    assert kept(workspace)["SHIRT"]["stock"] == 4
    bulk(workspace, "POST", {"id": "CARD", "on_sale": True})
    bulk(workspace, "DELETE", {"id": "SHIRT"})
    assert sorted(kept(workspace)) == ["CARD", "LAMP"]


def test_the_202_hides_what_failed_on_single_items(http: httpx.Client) -> None:
    workspace = Workspace(http)
    bulk(workspace, "PATCH", {"id": "GHOST", "stock": 1}, {"id": "LAMP", "stock": 0})
    bulk(workspace, "POST", {"id": "LAMP", "title": "Other"})
    assert list(kept(workspace)) == ["LAMP"]
    assert kept(workspace)["LAMP"]["title"] == "Lamp"


def test_one_bad_item_refuses_the_whole_request(http: httpx.Client) -> None:
    workspace = Workspace(http)
    body = {"items": [{"id": "A", "stock": 1}, {"id": "B", "stock": "many"}]}
    answer = workspace.call("PUT", ITEMS, body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["id"] == "unable-to-coerce-value"
    assert error["parameter_values"] == ["stock", "many"]
    assert list(kept(workspace)) == ["LAMP"]


@pytest.mark.parametrize(
    ("verb", "item_id", "status"),
    [
        ("GET", "LAMP", 200),
        ("GET", "GHOST", 404),
        ("PATCH", "GHOST", 404),
        ("POST", "LAMP", 400),
        ("PUT", "NEW", 200),
        ("DELETE", "LAMP", 200),
        ("DELETE", "GHOST", 404),
    ],
)
def test_a_single_item_is_answered_at_once(
    http: httpx.Client, verb: str, item_id: str, status: int
) -> None:
    body = None if verb in ("GET", "DELETE") else {"items": [{"title": "T"}]}
    answer = Workspace(http).call(verb, f"{ITEMS}/{item_id}", body)
    assert answer.status_code == status, answer.text


def test_items_are_listed_in_pages_of_fifty(http: httpx.Client) -> None:
    workspace = Workspace(http)
    for start in (0, 50):
        bulk(workspace, "PUT", *({"id": f"I{n:03d}"} for n in range(start, start + 50)))
    first = workspace.call("GET", ITEMS)
    assert len(first.json()["items"]) == 50
    assert 'rel="next"' in first.headers["link"]
    second = workspace.call("GET", first.links["next"]["url"])
    third = workspace.call("GET", second.links["next"]["url"])
    assert [len(one.json()["items"]) for one in (second, third)] == [50, 1]
    assert "link" not in third.headers


def test_stock_that_returns_reaches_who_waited_for_it_once(http: httpx.Client) -> None:
    workspace = Workspace(http)
    workspace.post("/users/track", {"events": [WISH]})
    for stock in (0, 5, 0, 7):
        bulk(workspace, "PATCH", {"id": "LAMP", "stock": stock})
    (message,) = workspace.state("messages")
    assert message["external_id"] == "ann"
    update = {"item_id": "LAMP", "previous_value": 0, "new_value": 5}
    assert message["context"] == {"catalog_update": update}


@pytest.mark.parametrize(
    ("stock_before", "offset_s", "kinds"),
    [(4, 0, ["back_in_stock"]), (0, 91 * 86_400, ["back_in_stock"]), (0, 0, ["price_drop"])],
)
def test_no_notice_without_a_valid_wish(
    http: httpx.Client, stock_before: int, offset_s: int, kinds: list[str]
) -> None:
    workspace = Workspace(http)
    bulk(workspace, "PATCH", {"id": "LAMP", "stock": stock_before})
    properties = {**WISH["properties"], "type": kinds}  # type: ignore[dict-item]
    workspace.post("/users/track", {"events": [{**WISH, "properties": properties}]})
    http.post("/_sandbox/clock", json={"offset_s": offset_s})
    bulk(workspace, "PATCH", {"id": "LAMP", "stock": 0})
    bulk(workspace, "PATCH", {"id": "LAMP", "stock": 9})
    assert workspace.state("messages") == []
