"""BigCommerce's answers and what they mean: every status and body shape of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.bigcommerce import verdicts
from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    RateAdvice,
    Rejected,
    Request,
    Transient,
    Verdict,
)
from tests.unit.connectors.steps import answer

READ = Request("GET", "/v2/orders/1001")
WRITE = Request("PUT", "/v3/catalog/products/77", json={"availability_description": "Ms Miller"})
PAUSE_S = 60.0
JUDGE = verdicts.judge(PAUSE_S)
QUOTA = {
    "x-rate-limit-time-window-ms": "30000",
    "x-rate-limit-time-reset-ms": "1500",
    "x-rate-limit-requests-quota": "150",
    "x-rate-limit-requests-left": "12",
}
V2 = [{"status": 400, "message": "The field 'x' is not supported."}]
V3 = {
    "status": 422,
    "title": "JSON data is missing or invalid",
    "type": "https://developer.bigcommerce.com/",
    "errors": {"quantity": "must not be negative"},
}


def judged(request: Request, status: int, body: Any = None, **headers: str) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JUDGE(request, answer(status, body, named))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("request_", [READ, WRITE])
def test_a_success_is_delivered(request_: Request, status: int) -> None:
    assert judged(request_, status, None, **{"x-rate-limit-requests-left": "1"}) == Delivered()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (304, Transient),
        (301, Misconfigured),
        (400, Rejected),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Rejected),
        (405, Misconfigured),
        (406, Misconfigured),
        (409, Rejected),
        (413, Rejected),
        (415, Misconfigured),
        (422, Rejected),
        (423, Transient),
        (429, Transient),
        (499, Transient),
        (500, Transient),
        (501, Misconfigured),
        (502, Transient),
        (503, Transient),
        (504, Transient),
        (507, Rejected),
        (418, Transient),
    ],
)
@pytest.mark.parametrize("body", [None, V2, V3, {"detail": "d"}, "<html/>", [], ["x"]])
@pytest.mark.parametrize("request_", [READ, WRITE])
def test_every_status_has_one_verdict_whatever_its_body(
    request_: Request, status: int, kind: type, body: Any
) -> None:
    assert isinstance(judged(request_, status, body), kind)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (V2, "The field … is not supported."),
        (V3, "JSON data is missing or invalid quantity: must not be negative"),
        ({"status": 422, "title": "No"}, "No"),
        ({"detail": "Nothing"}, "Nothing"),
        ([{"status": 409, "message": "Conflict", "details": {"a": 1}}], "Conflict"),
    ],
)
def test_a_refusal_says_why_in_the_words_of_either_version(body: Any, said: str) -> None:
    found = judged(WRITE, 422, body)
    assert isinstance(found, Rejected)
    assert found.reason == f"not valid: {said}"


def test_a_reason_repeats_nothing_that_was_sent() -> None:
    found = judged(WRITE, 422, {"title": "Ms Miller is too long"})
    assert isinstance(found, Rejected)
    assert "Miller" not in found.reason


# ---- 207 -----------------------------------------------------------------------------------------
REFUSED, LOCKED = {"status": 422, "title": "t"}, {"code": 423}


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        (None, Delivered),
        ([], Delivered),
        ({}, Delivered),
        ([REFUSED], Rejected),
        ([REFUSED, REFUSED | {"status": 404}], Rejected),
        ([REFUSED, LOCKED], Transient),
        ([LOCKED], Transient),
        ([{"status": 429}], Transient),
        ([{"status": 500}], Transient),
        ([{"title": "inventory was not saved"}], Transient),
        ({"0": REFUSED}, Rejected),
        ({"inventory_level": "could not be saved"}, Transient),
        ("odd", Delivered),
    ],
)
def test_a_207_is_judged_by_its_failed_parts(errors: Any, kind: type) -> None:
    assert isinstance(judged(WRITE, 207, {"data": {}, "errors": errors, "meta": {}}), kind)


def test_a_207_without_a_body_to_doubt_is_delivered() -> None:
    assert judged(WRITE, 207) == Delivered()


# ---- advice --------------------------------------------------------------------------------------
def test_a_429_with_the_quota_waits_for_its_window() -> None:
    found = JUDGE(WRITE, answer(429, V3, QUOTA | {"x-retry-after": "9"}))
    assert found == Transient("throttled", 1.5, throttled=True)


def test_a_429_with_seconds_alone_waits_as_long() -> None:
    assert judged(READ, 429, None, **{"x-retry-after": "9"}) == Transient(
        "throttled", 9.0, throttled=True
    )


def test_a_429_without_headers_is_throttled_and_backs_off_by_itself() -> None:
    assert judged(READ, 429) == Transient("throttled", None, throttled=True)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_a_server_error_a_write_waits_a_minute_and_a_read_does_not(status: int) -> None:
    written, read = (
        JUDGE(WRITE, answer(status, None, QUOTA)),
        JUDGE(READ, answer(status, None, QUOTA)),
    )
    assert isinstance(written, Transient)
    assert isinstance(read, Transient)
    assert (written.after_s, read.after_s) == (PAUSE_S, None)


def test_a_503_that_says_when_goes_before_our_own_pause() -> None:
    found = judged(WRITE, 503, None, **{"retry-after": "5"})
    assert isinstance(found, Transient)
    assert found.after_s == 5.0


def test_the_quota_is_read_from_the_headers() -> None:
    assert verdicts.rate(answer(200, {}, QUOTA), 0.0) == RateAdvice(150, 12, 1.5)
    assert verdicts.rate(answer(200, {}), 0.0) is None
