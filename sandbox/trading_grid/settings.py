"""What the control API can configure of the community, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.core.simulator import ControlError
from sandbox.trading_grid.kinds import KINDS

BASE = "/api/active-community/v1"
TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
AREAS = sorted({kind.area for kind in KINDS.values()} | {"events", "webhooks"})
SCOPES = frozenset(f"{area}.{access}" for area in AREAS for access in ("read", "write"))
CLIENTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Client:
    """An API client; its `client_id` is the id of the actor on the events that it causes."""

    client_id: str
    client_secret: str
    scopes: frozenset[str] = SCOPES


DEFAULT_CLIENT = Client("gridwire", "gridwire-secret")


@dataclass(frozen=True, slots=True)
class Settings:
    """rate: calls per window and client. processing_delay_s: how long a POST is in progress."""

    tenant_id: str = "tenant-1"
    community_id: str = "community-1"
    clients: dict[str, Client] = field(
        default_factory=lambda: {DEFAULT_CLIENT.client_id: DEFAULT_CLIENT}
    )
    rate_limit: int = 10
    rate_window_s: float = 1.0
    token_ttl_s: float = 3_600.0
    processing_delay_s: float = 0.0
    scan_delay_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant_id,
            "community_id": self.community_id,
            "clients": sorted(self.clients),
            "rate_limit": {"limit": self.rate_limit, "window_s": self.rate_window_s},
            "token_ttl_s": self.token_ttl_s,
            "processing_delay_s": self.processing_delay_s,
            "scan_delay_s": self.scan_delay_s,
        }


def _clients(given: Any) -> dict[str, Client]:
    if not isinstance(given, list) or not given or len(given) > CLIENTS_MAX:
        raise ControlError(f"clients must be a list of 1 to {CLIENTS_MAX} clients")
    clients = {}
    for one in given:
        try:
            scopes = frozenset(one.get("scopes", SCOPES))
            client = Client(one["client_id"], one["client_secret"], scopes)
        except (KeyError, AttributeError, TypeError) as error:
            raise ControlError("a client is {client_id, client_secret, scopes?}") from error
        if not scopes <= SCOPES:
            raise ControlError(f"unknown scopes {sorted(scopes - SCOPES)}")
        clients[client.client_id] = client
    return clients


def _number(name: str, value: Any, low: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < low:
        raise ControlError(f"{name} must be a number of at least {low:g}, not {value!r}")
    return float(value)


def configured(settings: Settings, given: dict[str, Any]) -> Settings:
    """The settings with what is given. Raises ControlError naming a wrong or unknown field."""
    for name, value in given.items():
        if name == "clients":
            settings = replace(settings, clients=_clients(value))
        elif name == "rate_limit":
            limit = value if isinstance(value, dict) else {"limit": value}
            settings = replace(
                settings,
                rate_limit=int(_number("rate_limit.limit", limit.get("limit"), 1)),
                rate_window_s=_number("rate_limit.window_s", limit.get("window_s", 1.0), 0.001),
            )
        elif name == "token_ttl_s":
            settings = replace(settings, token_ttl_s=_number(name, value, 0))
        elif name == "processing_delay_s":
            settings = replace(settings, processing_delay_s=_number(name, value, 0))
        elif name == "scan_delay_s":
            settings = replace(settings, scan_delay_s=_number(name, value, 0))
        else:
            known = [*Settings().as_json(), "webhook"]
            raise ControlError(f"unknown setting {name!r}; known are {known}")
    return settings
