"""What Braze's contract promises, section by section."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tests.contract.sandbox.facts.braze_endpoints import (
    CATALOGUES,
    ENDPOINTS,
    READS,
)
from tests.contract.sandbox.facts.braze_world import (
    EVENT,
    ITEMS,
    KEY,
    RECEIPT,
    SEED,
    SEEN,
    SEND,
    TO_ANN,
    TRACK,
    TWICE,
    credentials,
)
from tests.contract.sandbox.facts.fact import (
    ABSENT,
    Ask,
    Fact,
    Table,
    between,
    holds,
    text,
)


def soon(value: Any) -> bool:
    """Epoch seconds, not long from now."""
    return 0 <= int(value) - int(time.time()) <= 3_601


def limited(limit: int) -> Mapping[str, Any]:
    """The three headers, in lower case, on every answer; the reset is in epoch seconds."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": between(0, limit - 1),
        "x-ratelimit-reset": soon,
    }


def keys(*permissions: str) -> tuple[tuple[str, Any], ...]:
    return (("braze/configure", {"keys": [{"key": KEY, "permissions": list(permissions)}]}),)


def throttled(group: str) -> tuple[tuple[str, Any], ...]:
    limits = {group: {"limit": 1, "window_s": 3_600}}
    return (("braze/configure", {"rate_limits": limits}),)


AUTHENTICATION = (
    Fact("1", "without a key", Ask("POST", TRACK, {}, {"authorization": None}), 401),
    Fact(
        "1",
        "a key of another instance",
        Ask("POST", TRACK, {"events": [EVENT]}, {"authorization": "Bearer other"}),
        401,
        fields={"message": text},
    ),
    Fact("1", "a key without the permission", SEEN, 403, control=keys("users.export.ids")),
    Fact("1", "an address that does not exist", Ask("POST", "/users/tracks", {}), 404),
)
ANSWERS = (
    Fact("2", "a success says so", SEEN, 201, fields={"message": "success", "errors": ABSENT}),
    Fact(
        "2",
        "a part that failed is listed in a success, the rest is processed",
        Ask("POST", TRACK, {"events": [EVENT, {"external_id": "ann", "name": "seen"}]}),
        201,
        fields={"message": "success", "errors.#": 1, "events_processed": 1},
    ),
    Fact("2", "a fatal error has a message", Ask("POST", TRACK, {}), 400, fields={"message": text}),
    Fact(
        "2",
        "during maintenance calls are queued",
        SEEN,
        202,
        fields={"message": "queued"},
        control=(("braze/configure", {"maintenance": True}),),
    ),
    Fact(
        "2",
        "a stopped canvas answers 201 with a notice",
        Ask("POST", "/canvas/trigger/send", {"canvas_id": "stopped", "recipients": TO_ANN}),
        201,
        fields={"message": "success", "notice": text, "dispatch_id": text},
    ),
    Fact(
        "2",
        "a paused campaign answers 201 with a notice",
        Ask("POST", SEND, {"campaign_id": "paused", "recipients": TO_ANN}),
        201,
        fields={"message": "success", "notice": holds("ause"), "dispatch_id": text},
    ),
    Fact(
        "2",
        "more than 50 recipients are too many",
        Ask("POST", SEND, {"campaign_id": "case", "recipients": TO_ANN * 51}),
        400,
        fields={"message": holds("max number of ids per request exceeded")},
    ),
    Fact(
        "2",
        "more than 75 objects of a kind are too many",
        Ask("POST", TRACK, {"events": [EVENT] * 76}),
        400,
        fields={"message": holds("Max Input Length Exceeded")},
    ),
    Fact(
        "2",
        "more than 4 MB are too much",
        Ask("POST", TRACK, {"events": [EVENT | {"properties": {"x": "x" * 4_200_000}}]}),
        413,
    ),
)
LIMITS = (
    Fact("3", "track allows 3,000 calls", SEEN, 201, headers=limited(3_000)),
    Fact(
        "3", "a refusal has the headers, too", Ask("POST", TRACK, {}), 400, headers=limited(3_000)
    ),
    Fact(
        "3",
        "an export of ids allows 250 calls",
        Ask("POST", "/users/export/ids", {"external_ids": ["ann"], "fields_to_export": ["email"]}),
        201,
        headers=limited(250),
    ),
    Fact(
        "3",
        "sends to recipients allow 250,000 calls",
        Ask("POST", SEND, {"campaign_id": "case", "recipients": TO_ANN}),
        201,
        headers=limited(250_000),
    ),
    Fact(
        "3",
        "broadcasts allow 250 calls",
        Ask("POST", SEND, {"campaign_id": "case", "broadcast": True}),
        201,
        headers=limited(250),
    ),
    Fact(
        "3",
        "catalogue items in bulk allow 16,000 calls",
        Ask("PUT", ITEMS, {"items": [{"id": "LAMP", "stock": 1}]}),
        202,
        headers=limited(16_000),
    ),
    Fact(
        "3",
        "single catalogue items allow 50 calls",
        Ask("GET", f"{ITEMS}/LAMP"),
        200,
        headers=limited(50),
    ),
    Fact(
        "3",
        "subscription states allow 5,000 calls",
        Ask(
            "POST",
            "/v2/subscription/status/set",
            {
                "subscription_groups": [
                    {
                        "subscription_group_id": "sms",
                        "subscription_state": "unsubscribed",
                        "external_ids": ["ann"],
                    }
                ]
            },
        ),
        201,
        headers=limited(5_000),
        fields={"message": "success"},
    ),
    Fact(
        "3",
        "a 429 has no Retry-After, but the time of the reset",
        SEEN,
        429,
        headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": soon, "retry-after": ABSENT},
        control=throttled("users.track"),
        before=(SEEN,),
    ),
    Fact(
        "3",
        "the limit of one endpoint is none of another",
        Ask("POST", "/users/export/ids", {"external_ids": ["ann"], "fields_to_export": ["email"]}),
        201,
        control=throttled("users.track"),
        before=(SEEN, SEEN),
    ),
)
IDEMPOTENCY = (
    Fact(
        "4",
        "a transactional send id that is queued is refused in these words",
        Ask("POST", RECEIPT, TWICE),
        400,
        fields={
            "message": "The external reference has been queued. Please retry to obtain send_id."
        },
        control=(("braze/configure", {"transactional_queued_s": 60}),),
        before=(Ask("POST", RECEIPT, TWICE),),
    ),
    Fact(
        "4",
        "a transactional send id that is known makes no second send",
        Ask("POST", RECEIPT, TWICE),
        201,
        fields={"dispatch_id": text, "metadata.external_send_id": TWICE["external_send_id"]},
        before=(Ask("POST", RECEIPT, TWICE),),
    ),
    Fact(
        "4",
        "a send id has letters, digits and -_+/= only",
        Ask("POST", RECEIPT, TWICE | {"external_send_id": "case 1: open"}),
        400,
    ),
)
BRAZE = Table(
    platform="braze",
    prefix="/braze",
    seed=SEED,
    configure={},
    authorize=credentials,
    facts=(
        *AUTHENTICATION,
        *ANSWERS,
        *LIMITS,
        *IDEMPOTENCY,
        *ENDPOINTS,
        *CATALOGUES,
        *READS,
    ),
)
