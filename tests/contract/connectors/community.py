"""What tests of Trading Grid's connector share: its settings, partners, what webhooks and polls bring."""

from __future__ import annotations

from typing import Any

from connectors import trading_grid
from connectors.kit.connector import Sink, Source
from connectors.trading_grid.settings import TradingGridSettings
from gridwire.records import Notice
from gridwire.settings import Secret
from tests.contract.connectors.world import World, done, taken

PARTNERS = [
    {
        "id": "pt_acme",
        "name": "Acme",
        "status": "active",
        "roles": ["supplier"],
        "skus": ["LAMP"],
        "regions": ["US"],
    },
    {"id": "pt_bolt", "name": "Bolt", "status": "active", "selling_enabled": False},
]
SECRET = "whsec_" + "a2V5" * 11
NOW_MS = 4_000_000_000_000


def settings(world: World, **changed: Any) -> TradingGridSettings:
    given: dict[str, Any] = {
        "base_url": f"{world.url}/trading-grid/api/active-community/v1",
        "token_url": f"{world.url}/trading-grid/oauth2/token",
        "client_id": "gridwire",
        "client_secret": Secret("gridwire-secret"),
        "community_id": "community-1",
        "webhook_secret": Secret(SECRET),
        "backfill_days": 36_500,
    }
    return TradingGridSettings(**(given | changed))


def source_of(world: World) -> Source:
    """The connector's source, its webhooks going to the test's receiver."""
    _populated(world)
    hook = {"url": f"{world.receiver.url}/trading-grid/webhooks", "secret": SECRET}
    world.control("trading-grid", "configure", {"webhook": hook})
    return trading_grid.source(settings(world))


def sink_of(world: World) -> Sink:
    """The connector's sink."""
    _populated(world)
    return trading_grid.sink(settings(world))


def _populated(world: World) -> None:
    world.control("trading-grid", "configure", {"rate_limit": 1_000})
    world.control("trading-grid", "seed", {"partners": PARTNERS})


def notices(world: World, source: Source, count: int) -> list[Notice]:
    """The notices of the first `count` webhooks, by version."""
    (route,) = source.routes
    intakes = [taken(route, one) for one in world.receiver.wait_for(count)]
    found = [record for one in intakes for _, record in one.records if isinstance(record, Notice)]
    return sorted(found, key=lambda notice: notice.version)


async def fetched(source: Source, notice: Notice) -> Any:
    ((_, record),) = await done(source.platform, source.fetches[notice.resource](notice))
    return record


async def polled(source: Source, resource: str) -> list[Any]:
    """Everything that a poll finds."""
    (poll,) = [one for one in source.polls if one.resource == resource]
    found: list[Any] = []
    cursor, more = None, True
    while more:
        page = await done(source.platform, poll.step(cursor, NOW_MS))
        assert page.broken == ()
        found += [record for _, record in page.records]
        cursor, more = page.cursor, page.more
    return found
