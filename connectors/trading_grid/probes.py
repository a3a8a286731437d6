"""What shows that the API client may do what gridwire does: reads for what is read, the token's scopes for the rest."""

from connectors.kit.connector import Probe, Request
from connectors.trading_grid.settings import TradingGridSettings

ONE = {"limit": "1"}


def probes(settings: TradingGridSettings) -> tuple[Probe, ...]:
    """A write is not tried: the token says what it may, and asking for a scope that is not granted gives no token."""
    return (
        _probe("partners.read", Request("GET", settings.path("partners"), ONE)),
        _probe("threads.read", Request("GET", settings.path("threads"), ONE)),
        _probe("availability.read", Request("GET", settings.path("availability"), ONE)),
        _probe("events.read", Request("GET", settings.path("events"), ONE)),
        _probe("documents.read", Request("GET", settings.path("documents"), ONE)),
        _probe("threads.write"),
        _probe("insights.write"),
    )


def _probe(scope: str, request: Request | None = None) -> Probe:
    fix = f"grant the scope {scope} to TG_CLIENT_ID and name it in TG_SCOPE; check TG_COMMUNITY_ID"
    return Probe(scope, fix, request, scope=scope)
