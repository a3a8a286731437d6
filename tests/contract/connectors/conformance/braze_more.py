"""Braze's operations beside messages and attributes, as the conformance suite sees them: their effect on one user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gridwire.records import (
    DeleteSchedule,
    ScheduleCampaign,
    ScheduleCanvas,
    SetSubscription,
    TrackEvent,
    TriggerCanvas,
    UpsertCatalogItem,
)
from tests.contract.connectors.conformance.value import Target, Write
from tests.contract.connectors.world import World

DAY_MS = 86_400_000
CANVASES = [{"id": "journey"}, {"id": "replaced", "exit_event": "replaced", "exit_match": "case"}]
CATALOGS = [{"name": "products", "fields": [{"name": "stock", "type": "number"}]}]
UserOf = Callable[[World, int], str]


def writes(user: UserOf, key: str) -> tuple[Write, ...]:
    """One for each operation; an event that may be repeated and one that may not."""
    create, delete = "/trigger/schedule/create", "/trigger/schedule/delete"
    return (
        Write("track_event", Target("POST", "/users/track"), _happens(user), _happened),
        Write("track_event", Target("POST", "/users/track"), _leaves(user), _left),
        Write("trigger_canvas", Target("POST", "/canvas/trigger/send"), _enters(user), _entered),
        Write("schedule_campaign", Target("POST", f"/campaigns{create}"), _later(user), _pending),
        Write("schedule_canvas", Target("POST", f"/canvas{create}"), _enters_later(user), _pending),
        Write(
            "delete_schedule",
            Target("POST", f"/campaigns{delete}"),
            _taken_back(user, key),
            _deleted,
        ),
        Write(
            "upsert_catalog_item",
            Target("PUT", "/catalogs/products/items"),
            _stocked,
            _in_stock,
            line="upsert_catalog_item",
        ),
        Write("set_subscription", Target("POST", "/v2/subscription"), _joins(user), _joined),
    )


def _profile(world: World, n: int) -> Any:
    (found,) = [one for one in world.state("braze", "users") if one["external_id"] == f"user-{n}"]
    return found


# ---- events --------------------------------------------------------------------------------------
def _happens(user: UserOf) -> Callable[[World, int], TrackEvent]:
    def body(world: World, n: int) -> TrackEvent:
        return TrackEvent(customer_ref=user(world, n), name="seen", time=n)

    return body


def _happened(world: World, n: int) -> int:
    return len(_profile(world, n)["events"])


def _leaves(user: UserOf) -> Callable[[World, int], TrackEvent]:
    """An exit event: what it changes is that a way has ended, and that it does once."""

    def body(world: World, n: int) -> TrackEvent:
        context = {"case": str(n)}
        way = {"external_id": user(world, n), "canvas_id": "replaced", "context": context}
        world.trigger("braze", "enter", **way)
        return TrackEvent(
            customer_ref=f"user-{n}", name="replaced", time=n, properties=context, repeatable=True
        )

    return body


def _ways(world: World, n: int) -> list[Any]:
    return [
        one for one in world.state("braze", "canvas_entries") if one["external_id"] == f"user-{n}"
    ]


def _left(world: World, n: int) -> int:
    return sum(one["exited_at"] is not None for one in _ways(world, n))


# ---- Canvases and schedules ----------------------------------------------------------------------
def _enters(user: UserOf) -> Callable[[World, int], TriggerCanvas]:
    def body(world: World, n: int) -> TriggerCanvas:
        return TriggerCanvas(canvas_id="journey", customer_ref=user(world, n))

    return body


def _entered(world: World, n: int) -> int:
    return len(_ways(world, n))


def _tomorrow_ms() -> int:
    return int(time.time() * 1000) + DAY_MS


def _later(user: UserOf) -> Callable[[World, int], ScheduleCampaign]:
    def body(world: World, n: int) -> ScheduleCampaign:
        return ScheduleCampaign(
            campaign_id="case", customer_ref=user(world, n), send_at=_tomorrow_ms(), about="f"
        )

    return body


def _enters_later(user: UserOf) -> Callable[[World, int], ScheduleCanvas]:
    def body(world: World, n: int) -> ScheduleCanvas:
        return ScheduleCanvas(
            canvas_id="journey", customer_ref=user(world, n), send_at=_tomorrow_ms(), about="f"
        )

    return body


def _schedules(world: World, n: int, state: str) -> int:
    found = [
        one["body"]["recipients"][0]["external_user_id"]
        for one in world.state("braze", "schedules")
        if one["state"] == state
    ]
    return found.count(f"user-{n}")


def _pending(world: World, n: int) -> int:
    return _schedules(world, n, "pending")


def _taken_back(user: UserOf, key: str) -> Callable[[World, int], DeleteSchedule]:
    """Of a message that was scheduled before."""

    def body(world: World, n: int) -> DeleteSchedule:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_tomorrow_ms() / 1000))
        asked = {
            "campaign_id": "case",
            "recipients": [{"external_user_id": user(world, n)}],
            "schedule": {"time": at},
        }
        made = world.http.post(
            "/braze/campaigns/trigger/schedule/create",
            json=asked,
            headers={"authorization": f"Bearer {key}"},
        ).json()
        return DeleteSchedule(
            schedule_id=made["schedule_id"],
            customer_ref=f"user-{n}",
            campaign_id="case",
            about="f",
        )

    return body


def _deleted(world: World, n: int) -> int:
    return _schedules(world, n, "deleted")


# ---- catalogues and subscriptions ----------------------------------------------------------------
def _stocked(_world: World, n: int) -> UpsertCatalogItem:
    return UpsertCatalogItem(catalog="products", sku=f"SKU-{n}", stock=n + 1, sequence=1)


def _in_stock(world: World, n: int) -> int:
    (catalog,) = world.state("braze", "catalogs")
    return sum((one["id"], one["stock"]) == (f"SKU-{n}", n + 1) for one in catalog["items"])


def _joins(user: UserOf) -> Callable[[World, int], SetSubscription]:
    def body(world: World, n: int) -> SetSubscription:
        return SetSubscription(customer_ref=user(world, n), group_id="club", state="subscribed")

    return body


def _joined(world: World, n: int) -> int:
    return int(_profile(world, n)["subscription_groups"].get("club") == "subscribed")
