"""The verdict table: rules before defaults, advice in every notation, unknown is transient."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from connectors.kit.connector import (
    ADVICE_S_MAX,
    Delivered,
    Misconfigured,
    Rejected,
    Request,
    Response,
    Transient,
    Verdict,
)
from connectors.kit.verdicts import (
    Advice,
    VerdictTable,
    delta_ms,
    delta_s,
    epoch_s,
    first,
    json_field,
    on,
    retry_after,
)

NOW_S = 1_800_000_000.0
REQUEST = Request("GET", "/x")


def answer(status: int, headers: Mapping[str, str] | None = None, body: Any = None) -> Response:
    return Response(status, headers or {}, msgspec.json.encode(body) if body is not None else b"")


def judged(table: VerdictTable, response: Response) -> Verdict:
    return table(REQUEST, response)


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        (range(200, 300), Delivered),
        (range(300, 400), Misconfigured),
        ((401, 403), Misconfigured),
        ((400, 413, 414, 415, 422), Rejected),
        ((408, 425, 429, *range(500, 600)), Transient),
        ((402, 404, 405, 406, 409, 410, 412, 418, 423, 428, 451, 499), Transient),
    ],
)
def test_by_default_every_status_has_its_verdict(statuses: Any, kind: type) -> None:
    table = VerdictTable()
    assert {status: type(judged(table, answer(status))) for status in statuses} == dict.fromkeys(
        statuses, kind
    )


def test_only_429_says_slower() -> None:
    throttled = [
        status
        for status in range(100, 600)
        if isinstance(verdict := judged(VerdictTable(), answer(status)), Transient)
        and verdict.throttled
    ]
    assert throttled == [429]


def test_rules_go_before_defaults_and_from_top_to_bottom() -> None:
    table = VerdictTable(
        (
            on(409, then=Rejected("duplicate"), when=json_field("error.code", "dup")),
            on(409, 423, then=Transient("busy")),
            on(range(500, 502), then=lambda r: Rejected(f"never mind {r.status}")),
        )
    )
    assert judged(table, answer(409, body={"error": {"code": "dup"}})) == Rejected("duplicate")
    assert judged(table, answer(409, body={"error": {"code": "other"}})) == Transient("busy")
    assert judged(table, answer(409, body=[1])) == Transient("busy")
    assert judged(table, answer(501)) == Rejected("never mind 501")
    assert isinstance(judged(table, answer(502)), Transient)


def test_a_rule_may_turn_success_into_a_refusal() -> None:
    table = VerdictTable((on(range(200, 300), then=Rejected("paused"), when=json_field("notice")),))
    assert judged(table, answer(201, body={"notice": "The Canvas is paused."})) == Rejected(
        "paused"
    )
    assert judged(table, answer(201, body={"message": "success"})) == Delivered()


@pytest.mark.parametrize(
    ("advice", "headers", "after_s"),
    [
        (retry_after, {"retry-after": "7"}, 7.0),
        (retry_after, {"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"}, 60.0),
        (retry_after, {"retry-after": "Fri, 15 Jan 2027 07:00:00 GMT"}, 0.0),
        (retry_after, {"retry-after": "-3"}, None),
        (retry_after, {"retry-after": "nan"}, None),
        (retry_after, {"retry-after": "later"}, None),
        (retry_after, {}, None),
        (delta_s("ratelimit-reset"), {"ratelimit-reset": "2.5"}, 2.5),
        (delta_ms("x-rate-limit-time-reset-ms"), {"x-rate-limit-time-reset-ms": "1500"}, 1.5),
        (delta_ms("x-rate-limit-time-reset-ms"), {}, None),
        (epoch_s("x-ratelimit-reset"), {"x-ratelimit-reset": "1800000030"}, 30.0),
        (epoch_s("x-ratelimit-reset"), {"x-ratelimit-reset": "1799999000"}, 0.0),
        (first(delta_s("a"), retry_after), {"retry-after": "4"}, 4.0),
        (first(delta_s("a"), retry_after), {"a": "3", "retry-after": "4"}, 3.0),
        (retry_after, {"retry-after": "999999"}, ADVICE_S_MAX),
    ],
)
def test_a_platforms_advice_is_understood_in_its_own_notation(
    advice: Advice, headers: Mapping[str, str], after_s: float | None
) -> None:
    verdict = judged(VerdictTable(advice=advice, now_s=lambda: NOW_S), answer(429, headers))
    assert isinstance(verdict, Transient)
    assert verdict.after_s == after_s
    assert verdict.throttled


def test_a_rules_own_time_is_not_overruled_by_advice() -> None:
    table = VerdictTable((on(423, then=Transient("locked", after_s=60.0)),))
    assert judged(table, answer(423, {"retry-after": "1"})) == Transient("locked", after_s=60.0)
