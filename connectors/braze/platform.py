"""The workspace's REST API: where it is, how fast it may be asked, what its answers mean."""

from connectors.braze import verdicts
from connectors.braze.probes import probes
from connectors.braze.settings import BrazeSettings
from connectors.kit.auth import Bearer
from connectors.kit.connector import Pace, Platform

ITEMS_PACE_SHARE = 0.95


def platform(settings: BrazeSettings) -> Platform:
    """By the workspace's settings."""
    return Platform(
        name="braze",
        base_url=settings.base_url,
        auth=Bearer(settings.api_key),
        verdict=verdicts.verdict,
        rate=verdicts.rate,
        requests_per_s=settings.requests_per_s,
        concurrency=settings.concurrency,
        budget=verdicts.budget,
        paces={verdicts.ITEMS: items_pace(settings)},
        probes=probes(settings),
    )


def items_pace(settings: BrazeSettings) -> Pace:
    """Braze looks at so many catalogue requests a minute for what is back in stock; no header says so.

    A little less than that: a request that was held up comes closer to the next one.
    """
    per_s = settings.catalog_requests_per_min * ITEMS_PACE_SHARE / 60
    return Pace(per_s, per_s)
