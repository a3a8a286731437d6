"""Trading Grid's answers and what they mean, and which ways lead from status to status."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest

from connectors.kit.connector import (
    Delivered,
    Misconfigured,
    RateAdvice,
    Rejected,
    Request,
    Transient,
    Verdict,
)
from connectors.trading_grid import transitions, verdicts
from gridwire.vocabulary import ThreadStatus
from tests.unit.connectors.steps import answer

WRITE = Request("POST", "/threads", json={"subject": "Ms Miller's order"})
PROBLEM = {
    "type": "urn:problem",
    "title": "Unprocessable content",
    "status": 422,
    "code": "validation_failed",
    "detail": "/subject: Ms Miller's order is too long",
    "errors": [{"pointer": "/subject", "code": "too_long", "message": "m"}],
}


def judged(status: int, body: Any = None, **headers: str) -> Verdict:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return verdicts.verdict(WRITE, answer(status, body, named))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Delivered),
        (201, Delivered),
        (204, Delivered),
        (302, Misconfigured),
        (400, Rejected),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Rejected),
        (405, Misconfigured),
        (409, Transient),
        (412, Transient),
        (413, Rejected),
        (415, Misconfigured),
        (422, Rejected),
        (428, Misconfigured),
        (429, Transient),
        (500, Transient),
        (502, Transient),
        (503, Transient),
        (504, Transient),
        (418, Transient),
    ],
)
@pytest.mark.parametrize("body", [None, PROBLEM, [], "<html/>", {"code": 7}])
def test_every_status_has_one_verdict_whatever_its_body(status: int, kind: type, body: Any) -> None:
    assert isinstance(judged(status, body), kind)


def test_a_refusal_names_the_code_and_repeats_nothing_that_was_sent() -> None:
    found = judged(422, PROBLEM)
    assert isinstance(found, Rejected)
    assert "validation_failed" in found.reason
    assert "Miller" not in found.reason


@pytest.mark.parametrize(
    ("headers", "after_s"),
    [({"retry_after": "7"}, 7.0), ({"ratelimit_reset": "3"}, 3.0), ({}, None)],
)
def test_a_429_waits_as_it_is_told(headers: dict[str, str], after_s: float | None) -> None:
    assert judged(429, None, **headers) == Transient("throttled", after_s, throttled=True)


def test_a_503_that_says_when_means_slower_and_one_that_does_not_means_broken() -> None:
    told, untold = judged(503, None, retry_after="7"), judged(503, None, ratelimit_reset="1")
    assert told == Transient("unavailable", 7.0, throttled=True)
    assert isinstance(untold, Transient)
    assert (untold.throttled, untold.after_s) == (False, None)


def test_the_budget_is_read_from_the_headers() -> None:
    headers = {"ratelimit-limit": "10", "ratelimit-remaining": "4", "ratelimit-reset": "1"}
    assert verdicts.rate(answer(200, {}, headers), 0.0) == RateAdvice(10, 4, 1.0)
    assert verdicts.rate(answer(200, {}), 0.0) is None


# ---- ways ----------------------------------------------------------------------------------------
ALL = [status.value for status in ThreadStatus]


@pytest.mark.parametrize(
    ("status", "to"), [pair for pair in product(ALL, ALL) if pair[0] != pair[1]]
)
def test_every_way_is_legal_ends_there_and_passes_through_nothing_alarming(
    status: str, to: str
) -> None:
    way = transitions.way(status, to)
    if way is None:
        return
    assert way[-1] == to
    assert not set(way[:-1]) & {"escalated", "cancelled", "reopened"}
    for before, after in pairwise([ThreadStatus(status), *way]):
        assert after in transitions.legal(before)


@pytest.mark.parametrize(
    ("status", "to", "way"),
    [
        ("open", "resolved", ["acknowledged", "in_progress", "resolved"]),
        ("open", "closed", ["acknowledged", "in_progress", "resolved", "closed"]),
        ("awaiting_partner", "resolved", ["resolved"]),
        ("escalated", "resolved", ["in_progress", "resolved"]),
        ("reopened", "resolved", ["in_progress", "resolved"]),
        ("resolved", "reopened", ["reopened"]),
        ("open", "cancelled", ["cancelled"]),
        ("awaiting_internal", "escalated", ["escalated"]),
        ("closed", "cancelled", None),
        ("cancelled", "escalated", None),
        ("closed", "reopened", None),
    ],
)
def test_the_way_is_the_shortest(status: str, to: str, way: list[str] | None) -> None:
    assert transitions.way(status, to) == way
