"""What the roles of the demo are told: a full environment each, nothing of the user's own settings."""

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gridwire.settings import PREFIXES
from sandbox.bigcommerce.settings import DEFAULT_ACCOUNT
from sandbox.child import PROJECT_ROOT
from sandbox.demo.story import IDS_PER_RUN, Story
from sandbox.kafka import Broker
from sandbox.ports import free_port

ROLES = ("sources", "streams", "sinks")
PLATFORMS = "braze,bigcommerce,trading-grid"
PARTITIONS = 4
MOCK_SESSION_TIMEOUT_MS = 6_000
LOCATIONS = {"MAIN": 1, "EAST": 2}  # codes that partners use → BigCommerce's location ids
# Plenty for one machine: what a scenario waits for should be gridwire, not a quota.
REQUESTS_PER_S = 100
# Of the user's own settings only these reach the roles, and only where the Kafka is the user's own.
OF_THE_USERS_KAFKA = ("GRIDWIRE_KAFKA_SECURITY", "GRIDWIRE_PARTITIONS", "GRIDWIRE_REPLICATION")


def _token() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the platforms and gridwire agree on; new in each run."""

    braze_key: str = field(default_factory=_token)
    currents_token: str = field(default_factory=_token)
    braze_webhook: str = field(default_factory=_token)
    braze_postback_secret: str = field(default_factory=_token)
    bigcommerce_token: str = field(default_factory=_token)
    bigcommerce_client_secret: str = field(default_factory=_token)
    bigcommerce_hook: str = field(default_factory=_token)
    trading_grid_client: str = field(default_factory=_token)
    trading_grid_webhook: str = field(
        default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything listens; all on this machine."""

    broker: Broker
    registry_url: str
    sandbox_url: str
    gateway_port: int = field(default_factory=free_port)
    ops_ports: Mapping[str, int] = field(
        default_factory=lambda: {role: free_port() for role in ROLES}
    )

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    def ops_url(self, role: str) -> str:
        return f"http://127.0.0.1:{self.ops_ports[role]}"


def _inherited() -> dict[str, str]:
    """Our environment without anything that gridwire would read."""
    ours = ("KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(PREFIXES) and n not in ours}
    path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH", ""))))
    return kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def kafka_variables(places: Places) -> dict[str, str]:
    """How to reach Kafka and the registry; the mock gets what it needs and no promise that it cannot keep."""
    broker = places.broker
    variables = {
        "KAFKA_BOOTSTRAP": broker.bootstrap,
        "SCHEMA_REGISTRY_URL": places.registry_url,
        "GRIDWIRE_GROUP_PREFIX": "gridwire-demo",
        "GRIDWIRE_PARTITIONS": str(broker.partitions_fixed or PARTITIONS),
    }
    if broker.kind == "external":
        variables |= {n: os.environ[n] for n in OF_THE_USERS_KAFKA if os.environ.get(n)}
    if not broker.exactly_once:
        variables["GRIDWIRE_DELIVERY"] = "at_least_once"
    if broker.partitions_fixed is not None:
        variables["GRIDWIRE_TOPIC_CREATION"] = "metadata"
        variables["GRIDWIRE_SESSION_TIMEOUT_MS"] = str(MOCK_SESSION_TIMEOUT_MS)
    return variables


def exports(places: Places, known: Secrets) -> dict[str, str]:
    """What another terminal needs: for `gridwire` beside the running roles, and for posting an event.

    Without what only the user's own environment should hold: the credentials of an external Kafka.
    """
    variables = kafka_variables(places)
    variables.pop("GRIDWIRE_KAFKA_SECURITY", None)
    return variables | {
        "GRIDWIRE_PLATFORMS": PLATFORMS,
        "GRIDWIRE_WORKER_URLS": places.ops_url("streams"),
        "GATEWAY": places.gateway_url,
        "SANDBOX": places.sandbox_url,
        "CURRENTS_TOKEN": known.currents_token,  # of this run, on this machine
    }


def _platform_variables(places: Places, known: Secrets) -> dict[str, str]:
    community = f"{places.sandbox_url}/trading-grid"
    return {
        "BRAZE_BASE_URL": f"{places.sandbox_url}/braze",
        "BRAZE_API_KEY": known.braze_key,
        "BRAZE_CURRENTS_TOKEN": known.currents_token,
        "BRAZE_WEBHOOK_TOKEN": known.braze_webhook,
        "BRAZE_POSTBACK_SECRET": known.braze_postback_secret,
        "BRAZE_REQUESTS_PER_S": str(REQUESTS_PER_S),
        "BRAZE_CATALOG_REQUESTS_PER_MIN": str(REQUESTS_PER_S * 60),
        "BRAZE_CATALOG_LINGER_S": "0.2",
        "BIGCOMMERCE_API_URL": f"{places.sandbox_url}/bigcommerce",
        "BIGCOMMERCE_STORE_HASH": "sandbox",
        "BIGCOMMERCE_ACCESS_TOKEN": known.bigcommerce_token,
        "BIGCOMMERCE_CLIENT_SECRET": known.bigcommerce_client_secret,
        "BIGCOMMERCE_HOOK_SECRET": known.bigcommerce_hook,
        "BIGCOMMERCE_REQUIRE_SIGNATURE": "true",
        "BIGCOMMERCE_REQUESTS_PER_S": str(REQUESTS_PER_S),
        "BIGCOMMERCE_CONCURRENCY": "8",
        "BIGCOMMERCE_LOCATIONS": json.dumps(LOCATIONS),
        "TG_BASE_URL": f"{community}/api/active-community/v1",
        "TG_TOKEN_URL": f"{community}/oauth2/token",
        "TG_CLIENT_ID": "gridwire",
        "TG_CLIENT_SECRET": known.trading_grid_client,
        "TG_WEBHOOK_SECRET": known.trading_grid_webhook,
        "TG_REQUESTS_PER_S": str(REQUESTS_PER_S),
    }


def _flow_variables(stories: Sequence[Story]) -> dict[str, str]:
    told = [(story.flow_id, story.settings) for story in stories]
    told += [one for story in stories for one in story.feeds.items()]
    return {
        f"GRIDWIRE_FLOW_{flow_id.upper().replace('.', '_').replace('-', '_')}": json.dumps(
            dict(settings)
        )
        for flow_id, settings in told
        if settings
    }


def of_role(role: str, places: Places, known: Secrets, stories: Sequence[Story]) -> dict[str, str]:
    """The whole environment of one role: the streams role gets no platform's secret."""
    variables = _inherited() | kafka_variables(places)
    variables |= {
        "GRIDWIRE_OPS_HOST": "127.0.0.1",
        "GRIDWIRE_OPS_PORT": str(places.ops_ports[role]),
    }
    if role == "streams":
        return variables | {"GRIDWIRE_PLATFORMS": PLATFORMS} | _flow_variables(stories)
    variables |= _platform_variables(places, known)
    if role == "sources":
        variables |= {
            "GRIDWIRE_GATEWAY_HOST": "127.0.0.1",
            "GRIDWIRE_GATEWAY_PORT": str(places.gateway_port),
            "GRIDWIRE_FETCH_ATTEMPTS": "4",
        }
    return variables


def role_command(role: str) -> list[str]:
    return [sys.executable, "-m", "gridwire.cli", "run", role]


def configuration(known: Secrets, run: int) -> dict[str, dict[str, object]]:
    """Platform → what the sandbox is told before the roles start: credentials, limits that are not in the way."""
    account = {
        "client_id": DEFAULT_ACCOUNT.client_id,
        "client_secret": known.bigcommerce_client_secret,
        "access_token": known.bigcommerce_token,
    }
    return {
        "braze": {
            "keys": [{"key": known.braze_key}],
            "rate_limits": {"catalogs.triggers": {"limit": REQUESTS_PER_S * 60, "window_s": 60.0}},
        },
        "bigcommerce": {
            "accounts": [account],
            "quota_requests": REQUESTS_PER_S * 30,
            "ids_from": run * IDS_PER_RUN + IDS_PER_RUN // 2,  # behind those that stories choose
        },
        "trading-grid": {
            "clients": [{"client_id": "gridwire", "client_secret": known.trading_grid_client}],
            "rate_limit": {"limit": REQUESTS_PER_S, "window_s": 1.0},
        },
    }


def destinations(gateway_url: str, known: Secrets) -> dict[str, dict[str, object]]:
    """Platform → where its webhooks go and what they are signed with (`configure`)."""
    return {
        "braze": {
            "currents": {"url": f"{gateway_url}/braze/currents", "token": known.currents_token},
            "webhook_step": {
                "url": f"{gateway_url}/braze/webhooks",
                "token": known.braze_webhook,
            },
            "postback_url": f"{gateway_url}/braze/postbacks?secret={known.braze_postback_secret}",
        },
        "trading-grid": {
            "webhook": {
                "url": f"{gateway_url}/trading-grid/webhooks",
                "secret": known.trading_grid_webhook,
            }
        },
    }


HOOK_SCOPES = ("store/order/*", "store/shipment/*", "store/product/*", "store/sku/*")


def hooks(gateway_url: str, known: Secrets) -> list[dict[str, object]]:
    """The webhooks of the shop: made as its API account makes them, with a secret header."""
    return [
        {
            "scope": scope,
            "destination": f"{gateway_url}/bigcommerce/hooks",
            "headers": {"x-gridwire-secret": known.bigcommerce_hook},
        }
        for scope in HOOK_SCOPES
    ]
