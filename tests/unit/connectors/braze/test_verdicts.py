"""Braze's answers and what they mean: every status and body shape of the contract."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.braze import endpoints, verdicts
from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    RateAdvice,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)
from tests.unit.connectors.steps import answer

RECIPIENT = {"external_user_id": "customer-77", "attributes": {"plan": "Ms Miller's plan"}}
TRIGGER = Request("POST", endpoints.TRIGGER, json={"campaign_id": "c", "recipients": [RECIPIENT]})
TRANSACTIONAL = Request("POST", f"{endpoints.TRANSACTIONAL}c/send", json={"recipient": RECIPIENT})
TRACK = Request("POST", endpoints.TRACK, json={"attributes": [{"external_id": "customer-77"}]})


def judged(request: Request, status: int, body: Any = None, **headers: str) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return verdicts.verdict(request, answer(status, body, named))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"message": "success"}),
        (201, {"message": "success", "dispatch_id": "d"}),
        (201, {"message": "success", "errors": []}),
        (202, {"message": "queued"}),
        (201, None),
    ],
)
def test_a_success_is_delivered_even_while_braze_only_queues(status: int, body: Any) -> None:
    assert judged(TRIGGER, status, body) == Delivered()


def test_a_notice_of_a_paused_campaign_is_a_refusal_that_can_be_replayed() -> None:
    body = {"message": "success", "dispatch_id": "d", "notice": "The Canvas is paused."}
    found = judged(TRIGGER, 201, body)
    assert isinstance(found, Rejected)
    assert "paused" in found.reason
    assert "replay" in found.reason


@pytest.mark.parametrize(
    "errors", [["'external_id' is required"], [{"type": "'time' is required", "index": 0}]]
)
def test_a_success_that_lists_errors_is_a_refusal_of_the_item(errors: list[Any]) -> None:
    found = judged(TRACK, 201, {"message": "success", "errors": errors})
    assert isinstance(found, Rejected)
    assert "required" in found.reason


def test_an_external_send_id_that_braze_already_has_is_delivered() -> None:
    said = "The external reference has been queued. Please retry to obtain send_id."
    assert judged(TRANSACTIONAL, 400, {"message": said}) == Delivered()
    assert judged(TRANSACTIONAL, 400, {"message": "x", "errors": [said]}) == Delivered()


def test_a_reason_repeats_nothing_personal() -> None:
    said = "customer-77: jo@example.com and +1 555 010 999 of 'Jo' with Ms Miller's plan"
    found = judged(TRIGGER, 400, {"message": said})
    assert isinstance(found, Rejected)
    for personal in ("customer-77", "jo@example.com", "555", "Jo'", "Miller"):
        assert personal not in found.reason


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (TRIGGER, 400, Rejected),
        (TRIGGER, 401, Misconfigured),
        (TRIGGER, 403, Misconfigured),
        (TRIGGER, 404, Misconfigured),
        (TRANSACTIONAL, 404, Rejected),
        (TRIGGER, 413, Rejected),
        (TRIGGER, 429, Transient),
        (TRIGGER, 301, Misconfigured),
        (TRIGGER, 408, Transient),
        (TRIGGER, 500, Transient),
        (TRIGGER, 502, Transient),
        (TRIGGER, 503, Transient),
        (TRIGGER, 504, Transient),
        (TRIGGER, 418, Transient),
    ],
)
@pytest.mark.parametrize("body", [None, {"message": "m", "errors": ["e"]}, ["odd"], "odd"])
def test_every_other_status_has_one_verdict_whatever_its_body(
    request_: Request, status: int, kind: type, body: Any
) -> None:
    assert isinstance(judged(request_, status, body), kind)


@pytest.mark.parametrize(("body", "kind"), [(b"<html>", Misconfigured), (b"", Delivered)])
def test_a_success_that_is_not_brazes_is_none(body: bytes, kind: type) -> None:
    assert isinstance(verdicts.verdict(TRIGGER, Response(200, {}, body)), kind)


def test_a_429_waits_for_the_reset_and_a_500_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts.BY_URL, "_now_s", lambda: 1_000.0)
    assert judged(TRIGGER, 429, None, x_ratelimit_reset="1012") == Transient(
        "throttled", 12.0, throttled=True
    )
    broken = judged(TRIGGER, 500, None, x_ratelimit_reset="1012")
    assert isinstance(broken, Transient)
    assert broken.after_s is None


def test_the_budget_is_read_from_the_headers_and_is_one_per_endpoint() -> None:
    headers = {
        "x-ratelimit-limit": "250",
        "x-ratelimit-remaining": "3",
        "x-ratelimit-reset": "1030",
    }
    assert verdicts.rate(answer(200, {}, headers), 1_000.0) == RateAdvice(250, 3, 30.0)
    assert verdicts.rate(answer(200, {}), 1_000.0) is None
    assert verdicts.rate(answer(200, {}, {"x-ratelimit-reset": "soon"}), 1_000.0) is None
    other = Request("POST", f"{endpoints.TRANSACTIONAL}other/send")
    assert verdicts.budget(TRANSACTIONAL) == verdicts.budget(other)
    assert verdicts.budget(TRIGGER) != verdicts.budget(TRACK)
