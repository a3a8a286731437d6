"""What customers do in Braze becomes figures: every event for data teams, windows and insights for partners."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from gridwire.records import EngagementWindow
from gridwire.topics import ENGAGEMENT_WINDOWS, ENRICHED_ENGAGEMENT
from sandbox.demo.stage import Stage
from sandbox.demo.stories.braze_engagement import (
    GRACE_S,
    PATIENCE_S,
    WINDOW_S,
    Slot,
    counts,
    east,
    record_ids,
    script,
    west,
)
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import Row, World

FLOW = "braze.engagement-insight"
PRODUCTS = ("TENT", "STOVE", "LANTERN", "ORPHAN")
GROUP_SIZE_MIN = 3


def seed(cast: Cast) -> Seeds:
    """One supplier of all products but one; distributors in two regions; a carrier whom figures do not concern."""
    return {
        "trading-grid": {
            "partners": [
                _partner(cast, "camping", "supplier", [], [cast.sku(n) for n in PRODUCTS[:3]]),
                _partner(cast, "westward", "distributor", [west(cast)], []),
                _partner(cast, "eastern", "distributor", [east(cast)], []),
                _partner(cast, "lorry", "carrier", [west(cast)], []),
            ]
        },
        "bigcommerce": {
            "products": [
                {
                    "id": cast.number(n),
                    "sku": cast.sku(name),
                    "price": 20,
                    "inventory_tracking": "none",
                    "custom_fields": [{"name": "product_line", "value": "outdoor"}],
                }
                for n, name in enumerate(PRODUCTS)
            ]
        },
    }


def _partner(
    cast: Cast, name: str, role: str, regions: list[str], skus: list[str]
) -> dict[str, Any]:
    return {
        "id": cast.partner(name),
        "name": name.title(),
        "status": "active",
        "roles": [role],
        "regions": regions,
        "skus": skus,
    }


async def play(stage: Stage) -> None:
    """Calm windows first, so that the leap has a baseline; late events when its insight is there."""
    told = script(stage.cast)
    calm = [
        Slot(west(stage.cast), stage.cast.sku("TENT"), told.spike_s - n * WINDOW_S)
        for n in (3, 2, 1)
    ]
    await stage.currents(list(told.before))
    await stage.until(
        lambda world: all(slot in latest(world) for slot in calm), "the calm windows are closed"
    )
    await stage.currents(list(told.spike))
    await stage.currents(list(told.volume))
    spike = Slot(west(stage.cast), stage.cast.sku("TENT"), told.spike_s)
    await stage.until(
        lambda world: _insight(world, "engagement", "camping", spike),
        "the supplier has the insight of the window that leaps",
    )
    await stage.currents(list(told.late))


def latest(world: World) -> dict[Slot, EngagementWindow]:
    """Each window of the supplier's products as last amended."""
    found: dict[Slot, EngagementWindow] = {}
    for window in world.of(ENGAGEMENT_WINDOWS):
        if window.partner_id == world.cast.partner("camping"):
            slot = Slot(window.region, window.sku, window.window_start // 1000)
            if slot not in found or found[slot].amendment < window.amendment:
                found[slot] = window
    return found


def _insight(world: World, kind: str, reader: str, slot: Slot) -> Row | None:
    """The insight that a partner may read about a window."""
    partner = world.cast.partner(reader)
    for one in world.rows("trading-grid", "insights"):
        about = (one["kind"], one["partner_id"], one.get("region", ""), one.get("sku"))
        start_s = _epoch_s(one["window"]["from"])
        if (*about, start_s) == (kind, partner, slot.region, slot.sku, slot.start_s):
            return one
    return None


def expect(world: World) -> list[str]:
    unmet = Unmet()
    _every_event_once(unmet, world)
    _with_partner_and_line(unmet, world)
    _windows(unmet, world)
    _insights(unmet, world)
    _the_leap(unmet, world)
    _left_out(unmet, world)
    return unmet


def _mine(world: World) -> Counter[str]:
    """How often each record of this story's events stands in the enriched topic."""
    wanted = record_ids(script(world.cast).all())
    return Counter(
        event.causation_id
        for event in world.of(ENRICHED_ENGAGEMENT)
        if event.causation_id in wanted
    )


def _every_event_once(unmet: Unmet, world: World) -> None:
    wanted, found = record_ids(script(world.cast).all()), _mine(world)
    missing, twice = len(wanted - found.keys()), sum(n - 1 for n in found.values())
    unmet.unless(not missing, f"all of {len(wanted)} genuine events are enriched; {missing} miss")
    if world.exactly_once:
        unmet.unless(not twice, f"no event is enriched twice; {twice} are")
    bots = [e for e in world.of(ENRICHED_ENGAGEMENT) if e.user_id.startswith("bot-")]
    unmet.unless(not bots, "what bots and machines do is left out")


def _with_partner_and_line(unmet: Unmet, world: World) -> None:
    cast = world.cast
    by_sku = {event.sku: event for event in world.of(ENRICHED_ENGAGEMENT)}
    tent, orphan = by_sku.get(cast.sku("TENT")), by_sku.get(cast.sku("ORPHAN"))
    unmet.unless(
        tent and (tent.partner_id, tent.product_line) == (cast.partner("camping"), "outdoor"),
        "events of tents carry the supplier and the product line",
    )
    unmet.unless(
        orphan and orphan.partner_id is None,
        "an event of a product without a partner is kept, with a null partner",
    )


def _windows(unmet: Unmet, world: World) -> None:
    """What the windows hold is what the events say, counted here by itself."""
    wanted, found = counts(world.cast), latest(world)
    wrong = [slot for slot, n in wanted.items() if slot not in found or n != found[slot].counts]
    unmet.unless(
        not wrong, f"windows hold what the events say; {len(wrong)} of {len(wanted)} do not yet"
    )
    for slot in wrong[:1]:
        held = dict(found[slot].counts) if slot in found else None
        unmet.append(f"the window of {slot} holds {dict(wanted[slot])}, not {held}")
    abandoned = found.get(
        Slot(west(world.cast), world.cast.sku("TENT"), _spike_s(world) + PATIENCE_S)
    )
    unmet.unless(
        abandoned and abandoned.abandoned_carts == 4,
        "the four carts left behind count in the window in which their deadline falls",
    )


def _spike_s(world: World) -> int:
    return script(world.cast).spike_s


def _insights(unmet: Unmet, world: World) -> None:
    """Who may see a window reads its figures; who may not, or of too few users, reads nothing."""
    regional = {west(world.cast): ("westward",), east(world.cast): ("eastern",)}
    wrong = []
    for slot, window in latest(world).items():
        readers = ["camping", *regional.get(slot.region, ())]
        for reader in ("camping", "westward", "eastern", "lorry"):
            row = _insight(world, "engagement", reader, slot)
            allowed = reader in readers and window.group_large_enough
            if (row is not None) != allowed or (row and not _tells(row, window)):
                wrong.append((reader, slot))
    unmet.unless(
        not wrong, f"insights are with whom they concern, as amended; {len(wrong)} are not"
    )
    users = ("camper-", "hasty-", "buyer-", "crowd-", "calm-")
    told = repr(world.rows("trading-grid", "insights"))
    unmet.unless(not any(user in told for user in users), "no insight names a user")


def _tells(row: Row, window: EngagementWindow) -> bool:
    metrics = row["metrics"]
    same = all(metrics.get(kind) == number for kind, number in window.counts.items())
    return same and metrics["abandoned_carts"] == window.abandoned_carts


def _the_leap(unmet: Unmet, world: World) -> None:
    """Supplier and regional distributor hear of the demand spike; the late event has amended its window."""
    slot = Slot(west(world.cast), world.cast.sku("TENT"), _spike_s(world))
    window = latest(world).get(slot)
    unmet.unless(window and window.spike, "the window of tents in the west is a spike")
    unmet.unless(window and window.amendment > 0, "the late event amends its window")
    for reader in ("camping", "westward"):
        row = _insight(world, "demand_spike", reader, slot)
        unmet.unless(row, f"{reader} hears of the demand spike")
    unmet.unless(
        _insight(world, "demand_spike", "eastern", slot) is None, "nobody else hears of the spike"
    )


def _left_out(unmet: Unmet, world: World) -> None:
    for reason in ("bot click", "machine open", "late", "group too small"):
        unmet.unless(world.figures.filtered(FLOW, reason), f"something is filtered: {reason}")
    duplicates = world.figures.duplicates("source.braze.engagement")
    unmet.unless(duplicates, "events that come twice are dropped")


def _epoch_s(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp())


SETTINGS: dict[str, Any] = {
    "window_minutes": WINDOW_S // 60,
    "grace_minutes": GRACE_S // 60,
    "abandoned_cart_minutes": PATIENCE_S // 60,
    "amend_delay_s": 1,
    "group_size_min": GROUP_SIZE_MIN,
    "spike_demand_min": 10.0,
}
STORY = Story(FLOW, seed, play, expect, settings=SETTINGS)
