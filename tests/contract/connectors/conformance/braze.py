"""Braze, as the conformance suite sees it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from gridwire.ids import derived
from gridwire.records import RefreshProfile, SetAttributes, TriggerCampaign
from gridwire.topics import BRAZE_ENGAGEMENT
from tests.contract.connectors.conformance import braze_more
from tests.contract.connectors.conformance.value import (
    Conformance,
    HalfFailed,
    Hook,
    Missing,
    Place,
    Signer,
    Signing,
    Target,
    Throttle,
    Write,
)
from tests.contract.connectors.world import World

KEY = "conformance-braze-rest-key"
TOKENS: Mapping[Signer, str] = {
    "current": "conformance-currents-token",
    "previous": "conformance-currents-token-before",
    "forged": "a-guess",
}
WEBHOOK_TOKEN = "conformance-canvas-token"


def environ(place: Place) -> Mapping[str, str]:
    return {
        "BRAZE_BASE_URL": f"{place.sandbox_url}/braze",
        "BRAZE_API_KEY": KEY,
        "BRAZE_CURRENTS_TOKEN": TOKENS["current"],
        "BRAZE_CURRENTS_TOKEN_PREVIOUS": TOKENS["previous"],
        "BRAZE_WEBHOOK_TOKEN": WEBHOOK_TOKEN,
        "BRAZE_REQUESTS_PER_S": "100",
        # The suite asks what becomes of commands, not how many go out in a minute.
        "BRAZE_CATALOG_REQUESTS_PER_MIN": "6000",
        "BRAZE_CATALOG_LINGER_S": "0",
    }


def prepare(world: World) -> None:
    limits = {"users.track": {"limit": 1_000, "window_s": 1.0}}
    world.control("braze", "configure", {"keys": [{"key": KEY}], "rate_limits": limits})
    campaigns = [{"id": "case"}, {"id": "receipt", "transactional": True}]
    seeds = {
        "campaigns": campaigns,
        "canvases": braze_more.CANVASES,
        "catalogs": braze_more.CATALOGS,
    }
    world.control("braze", "seed", seeds)


# ---- writes --------------------------------------------------------------------------------------
def _user(world: World, n: int) -> str:
    """A user of the command's own."""
    user = {"external_id": f"user-{n}", "attributes": {"email": f"user-{n}@example.com"}}
    world.control("braze", "seed", {"users": [user]})
    return f"user-{n}"


def _attributes(world: World, n: int) -> SetAttributes:
    return SetAttributes(customer_ref=_user(world, n), attributes={"step": str(n)})


def _attributes_set(world: World, n: int) -> int:
    users = {one["external_id"]: one["attributes"] for one in world.state("braze", "users")}
    return int(users[f"user-{n}"].get("step") == str(n))


def _trigger(campaign_id: str, *, transactional: bool) -> Callable[[World, int], TriggerCampaign]:
    def body(world: World, n: int) -> TriggerCampaign:
        return TriggerCampaign(
            campaign_id=campaign_id,
            customer_ref=_user(world, n),
            trigger_properties={"case": str(n)},
            transactional=transactional,
        )

    return body


def _messages(world: World, n: int) -> int:
    found = [one.get("trigger_properties") for one in world.state("braze", "messages")]
    return found.count({"case": str(n)})


def _refresh(world: World, n: int) -> RefreshProfile:
    return RefreshProfile(customer_ref=_user(world, n))


def _nobody(_world: World, n: int) -> SetAttributes:
    return SetAttributes(customer_ref=f"nobody-{n}", attributes={"step": str(n)})


WRITES = (
    Write("set_attributes", Target("POST", "/users/track"), _attributes, _attributes_set),
    Write(
        "trigger_campaign",
        Target("POST", "/campaigns/trigger/send"),
        _trigger("case", transactional=False),
        _messages,
    ),
    Write(
        "trigger_campaign",
        Target("POST", "/transactional/v1/campaigns/"),
        _trigger("receipt", transactional=True),
        _messages,
    ),
    Write("refresh_profile", Target("POST", "/users/export/ids"), _refresh, None),
    *braze_more.writes(_user, KEY),
)


def _item_refused(_world: World, _n: int) -> Any:
    error = {"type": "the value is not valid", "input_array": "attributes", "index": 0}
    return {"message": "success", "errors": [error]}


# ---- throttle ------------------------------------------------------------------------------------
def _throttled(now_s: float, wait_s: float) -> Mapping[str, str]:
    """The reset is in epoch seconds."""
    reset = math.ceil(now_s + wait_s)
    return {
        "x-ratelimit-limit": "3000",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(reset),
    }


def _tighten(world: World, calls: int, window_s: float) -> None:
    limit = {"limit": calls, "window_s": window_s}
    world.control("braze", "configure", {"rate_limits": {"users.track": limit}})


# ---- webhooks ------------------------------------------------------------------------------------
def _event(n: int) -> dict[str, Any]:
    return {
        "id": derived("conformance", "currents", n),
        "event_type": "users.messages.email.Click",
        "time": int(time.time()),
        "user": {"user_id": f"braze-{n}", "external_user_id": f"user-{n}"},
        "properties": {"url": "https://shop.example/products/LAMP", "campaign_id": "case"},
    }


def _batch(_world: World, n: int) -> dict[str, Any]:
    return {"events": [_event(n)]}


def _joined(batches: list[dict[str, Any]]) -> dict[str, Any]:
    return {"events": [event for batch in batches for event in batch["events"]]}


def _unknown(body: dict[str, Any]) -> dict[str, Any]:
    return {"events": [one | {"event_type": "users.unicorn.Seen"} for one in body["events"]]}


def _about(record: Any, n: int) -> bool:
    return bool(record.user_id == f"user-{n}")


def _bearer(_raw: bytes, signing: Signing) -> Mapping[str, str]:
    token = TOKENS.get(signing.by)
    return {"authorization": f"Bearer {token}"} if token else {}


def _canvas(_world: World, n: int) -> dict[str, Any]:
    return {
        "event_type": "coupon_shown",
        "dispatch_id": f"dispatch-{n}",
        "campaign_id": "case",
        "external_user_id": f"user-{n}",
        "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "properties": {"rating": "5"},
    }


def _canvas_bearer(_raw: bytes, signing: Signing) -> Mapping[str, str]:
    if signing.by == "none":
        return {}
    return {"authorization": f"Bearer {WEBHOOK_TOKEN if signing.by == 'current' else 'a-guess'}"}


HOOKS = (
    Hook(
        "/braze/currents",
        BRAZE_ENGAGEMENT,
        _batch,
        _about,
        _bearer,
        _unknown,
        dated=False,
        sealed=False,
        batched=_joined,
    ),
    Hook(
        "/braze/webhooks",
        BRAZE_ENGAGEMENT,
        _canvas,
        _about,
        _canvas_bearer,
        lambda body: body,
        dated=False,
        sealed=False,
    ),
)

STATIC = "the REST key is static: there is no token to renew"
BEARER = "Braze signs nothing: Currents sends a bearer token, which has no time and covers no body"
BRAZE = Conformance(
    name="braze",
    environ=environ,
    prepare=prepare,
    writes=WRITES,
    hooks=HOOKS,
    throttle=Throttle(_throttled, _tighten),
    missing=Missing("set_attributes", _nobody, "delivered"),
    half_failed=HalfFailed("set_attributes", 201, _item_refused, "rejected"),
    secrets=(KEY, TOKENS["current"], TOKENS["previous"], WEBHOOK_TOKEN),
    # An address that Braze does not know is a wrong BRAZE_BASE_URL; it has no 409.
    answers={404: "stopped", 409: "delivered"},
    inapplicable={
        "an expired token is renewed once": STATIC,
        "a token endpoint that is down is waited for": STATIC,
        "a token endpoint that refuses us stops the sink": STATIC,
        "a delivery that is too old is refused": BEARER,
        "a delivery from the future is refused": BEARER,
        "a delivery by a clock a little apart is taken": BEARER,
        "a delivery whose body was changed is refused": BEARER,
        "versions out of order hide none": "Currents events are facts, which have no versions",
        "fetches": "Currents events are whole: nothing is fetched",
        "polls": "Braze has no list of changes to poll",
    },
)
