"""The way into the simulated store: tokens, scopes, media types, the quota and its headers."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.contract.sandbox.bigcommerce_store import READER, Shop, fact

WINDOW_MS = "x-rate-limit-time-window-ms"
RESET_MS = "x-rate-limit-time-reset-ms"
QUOTA = "x-rate-limit-requests-quota"
LEFT = "x-rate-limit-requests-left"


@pytest.fixture
def shop(http: httpx.Client) -> Shop:
    shop = Shop(http)
    shop.begin()
    return shop


@pytest.mark.parametrize(
    ("path", "status_at"), [("/v2/orders", "0.status"), ("/v3/hooks", "status")]
)
def test_without_a_valid_token_each_version_answers_401_in_its_shape(
    shop: Shop, path: str, status_at: str
) -> None:
    for token in (None, "wrong"):
        answer = shop.api("GET", path, token=token)
        assert answer.status_code == 401
        assert fact(answer.json(), status_at) == 401
        assert LEFT not in answer.headers


def test_a_token_is_of_no_use_for_another_store(shop: Shop) -> None:
    assert shop.api("GET", "/v2/orders", store_hash="other").status_code == 401


def test_a_read_only_scope_reads_and_does_not_write(shop: Shop) -> None:
    assert shop.api("GET", "/v2/orders/100", token=READER).status_code == 200
    answer = shop.api("PUT", "/v2/orders/100", {"status_id": 2}, token=READER)
    assert (answer.status_code, fact(answer.json(), "0.status")) == (403, 403)
    assert shop.ok("GET", "/v2/orders/100")["status_id"] == 11


def test_a_scope_that_was_not_granted_is_403_in_v3(shop: Shop) -> None:
    answer = shop.api("GET", "/v3/catalog/products", token=READER)
    assert (answer.status_code, answer.json()["status"]) == (403, 403)


def test_every_account_has_hooks(shop: Shop) -> None:
    assert shop.api("GET", "/v3/hooks", token=READER).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_declared_as_json_is_415(shop: Shop, content_type: str) -> None:
    headers = {"content-type": content_type}
    answer = shop.api("PUT", "/v2/orders/100", {"status_id": 2}, headers=headers)
    assert answer.status_code == 415
    assert shop.ok("GET", "/v2/orders/100")["status_id"] == 11


def test_a_content_type_with_a_charset_is_fine(shop: Shop) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = shop.api("PUT", "/v2/orders/100", {"status_id": 2}, headers=headers)
    assert answer.status_code == 200


def test_broken_json_is_400(shop: Shop) -> None:
    assert shop.api("PUT", "/v2/orders/100", b'{"status_id":').status_code == 400


def test_an_accept_header_without_json_is_406(shop: Shop) -> None:
    answer = shop.api("GET", "/v3/channels", headers={"accept": "text/csv"})
    assert (answer.status_code, answer.json()["status"]) == (406, 406)


def test_v2_answers_xml_to_a_caller_without_accept_and_v3_json(shop: Shop) -> None:
    answer = shop.send_bare("/v2/orders/100")
    assert answer.headers["content-type"].startswith("application/xml")
    assert ET.fromstring(answer.text).findtext("status_id") == "11"
    assert shop.send_bare("/v3/channels").json()["data"][0]["id"] == 1


def test_v2_answers_json_to_a_caller_without_accept_where_it_is_so_configured(shop: Shop) -> None:
    shop.configure(v2_xml_without_accept=False)
    assert shop.send_bare("/v2/orders/100").json()["id"] == 100


def test_every_call_counts_against_the_quota_errors_too(shop: Shop) -> None:
    shop.configure(quota_requests=9, quota_window_s=86_400)
    first = shop.api("GET", "/v2/orders")
    assert (first.headers[QUOTA], first.headers[LEFT]) == ("9", "8")
    assert first.headers[WINDOW_MS] == "86400000"
    assert 0 < int(first.headers[RESET_MS]) <= 86_400_000
    assert shop.api("GET", "/v3/nothing").headers[LEFT] == "7"
    assert shop.api("GET", "/v2/orders", token=READER).headers[LEFT] == "6"


def test_above_the_quota_calls_are_429_with_the_way_back_and_change_nothing(shop: Shop) -> None:
    shop.configure(quota_requests=2, quota_window_s=86_400)
    shop.api("GET", "/v2/orders")
    shop.api("GET", "/v2/orders")
    answer = shop.api("PUT", "/v2/orders/100", {"status_id": 2})
    assert answer.status_code == 429
    assert (answer.headers[LEFT], answer.headers[QUOTA]) == ("0", "2")
    assert int(answer.headers[RESET_MS]) > 0
    assert int(answer.headers["x-retry-after"]) >= 1
    assert fact(answer.json(), "0.status") == 429
    assert [row["status_id"] for row in shop.state("orders") if row["id"] == 100] == [11]


def test_the_quota_returns_with_the_next_window(shop: Shop) -> None:
    shop.configure(quota_requests=1, quota_window_s=86_400)
    shop.api("GET", "/v2/orders")
    refused = shop.api("GET", "/v2/orders")
    assert refused.status_code == 429
    reset_s = int(refused.headers[RESET_MS]) / 1000
    shop.control("POST", "clock", {"offset_s": reset_s + 1})
    assert shop.api("GET", "/v2/orders").status_code == 200


def test_an_overloaded_platform_says_429_without_headers(shop: Shop) -> None:
    shop.configure(quota_requests=1, quota_window_s=86_400, quota_headers_on_429=False)
    shop.api("GET", "/v3/hooks")
    answer = shop.api("GET", "/v3/hooks")
    assert (answer.status_code, answer.json()["status"]) == (429, 429)
    assert not [name for name in answer.headers if name.startswith(("x-rate", "x-retry"))]


@pytest.mark.parametrize(
    "settings",
    [
        {"colour": "red"},
        {"quota_requests": 0},
        {"quota_requests": "9"},
        {"refund_outcome": "maybe"},
        {"sign_webhooks": 1},
        {"accounts": []},
        {"accounts": [{"client_id": "x"}]},
        {"ids_from": 0},
        {"ids_from": "many"},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(
    shop: Shop, settings: dict[str, object]
) -> None:
    answer = shop.refused("bigcommerce/configure", settings)
    assert next(iter(settings)).removesuffix("s") in answer.json()["error"]


def test_ids_go_on_from_where_they_are_told(shop: Shop) -> None:
    shop.configure(ids_from=5_000)
    placed = shop.trigger("place_order", customer=7, lines=[{"sku": "CARD"}])
    said = shop.trigger("add_message", order_id=placed["id"], subject="Hi", message="Hello")
    assert (placed["id"], said["id"]) == (5_000, 5_000)
    shop.configure(ids_from=10)
    again = shop.trigger("place_order", customer=7, lines=[{"sku": "CARD"}])
    assert again["id"] == 5_001


@pytest.mark.parametrize(
    ("collection", "row", "names"),
    [
        ("products", {"sku": "X", "colour": "red"}, "colour"),
        ("products", {"sku": "X", "inventory_tracking": "none", "inventory_level": 1}, "stock"),
        ("orders", {"lines": [{"sku": "NONE"}]}, "NONE"),
        ("orders", {"lines": []}, "lines"),
        ("customers", {"first_name": "Ann"}, "email"),
        ("hooks", {"scope": "store/order/*", "destination": "http://example.com"}, "https"),
        ("parrots", {}, "parrots"),
    ],
)
def test_a_seed_that_makes_no_sense_is_refused_by_name(
    shop: Shop, collection: str, row: dict[str, object], names: str
) -> None:
    assert names in shop.refused("bigcommerce/seed", {collection: [row]}).json()["error"]


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("fly", {}, 404),
        ("change_status", {"order_id": 9, "status_id": 2}, 404),
        ("change_status", {"order_id": 100, "status_id": 77}, 400),
        ("change_stock", {"sku": "LAMP"}, 400),
        ("place_order", {"lines": [{"sku": "LAMP", "quantity": "two"}]}, 400),
        ("place_order", {"customer": 99, "lines": [{"sku": "LAMP"}]}, 400),
        ("ship", {"order_id": 100, "colour": "red"}, 400),
    ],
)
def test_a_trigger_that_makes_no_sense_is_refused_and_tells_nobody(
    shop: Shop, event: str, body: dict[str, object], status: int
) -> None:
    assert shop.refused(f"bigcommerce/trigger/{event}", body).status_code == status
    assert shop.state("events") == []


def test_a_reset_forgets_settings_rows_and_the_quota(shop: Shop) -> None:
    shop.configure(quota_requests=1, quota_window_s=86_400)
    shop.api("GET", "/v2/orders")
    shop.control("POST", "bigcommerce/reset")
    answer = shop.api("GET", "/v2/orders")
    assert answer.status_code == 204
    assert answer.headers[QUOTA] == "450"
