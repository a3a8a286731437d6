"""`gridwire check --live` against the simulated platforms: what it finds, and that it changes nothing."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from connectors.registry import CONNECTORS
from gridwire import cli
from tests.contract.connectors.world import World

WEBHOOK = "whsec_" + "a2V5" * 11
COLLECTIONS = {
    "braze": ("users", "messages", "campaigns"),
    "bigcommerce": ("products", "orders", "hooks"),
    "trading-grid": ("partners", "threads", "insights"),
}
PRODUCTS = {"products": [{"name": "Chair", "sku": "C1", "inventory_level": 3}]}


@pytest.fixture
def environ(world: World, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every platform with the right credentials."""
    given = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",  # nobody asks it
        "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
        "BRAZE_BASE_URL": f"{world.url}/braze",
        "BRAZE_API_KEY": "braze-rest-key",
        "BRAZE_CURRENTS_TOKEN": "currents-token",
        "BRAZE_SMS_GROUP_ID": "sms",
        "BIGCOMMERCE_API_URL": f"{world.url}/bigcommerce",
        "BIGCOMMERCE_STORE_HASH": "sandbox",
        "BIGCOMMERCE_ACCESS_TOKEN": "sandbox-token",
        "BIGCOMMERCE_HOOK_SECRET": "hook-secret",
        "TG_BASE_URL": f"{world.url}/trading-grid/api/active-community/v1",
        "TG_TOKEN_URL": f"{world.url}/trading-grid/oauth2/token",
        "TG_CLIENT_ID": "gridwire",
        "TG_CLIENT_SECRET": "gridwire-secret",
        "TG_COMMUNITY_ID": "community-1",
        "TG_WEBHOOK_SECRET": WEBHOOK,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    world.control("bigcommerce", "seed", PRODUCTS)
    world.control("trading-grid", "seed", {"partners": [{"name": "Oak", "partner_code": "OAK"}]})
    return monkeypatch


def looked(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[tuple[str, str], str]]:
    """The exit status, and what stands on the line of each (platform, probe)."""
    status = cli.main(["check", "--live"])
    found = {}
    for line in capsys.readouterr().out.splitlines():
        platform, _, rest = line.partition(" ")
        if platform in COLLECTIONS:
            rest = rest.strip()
            state = "not asked" if rest.startswith("not asked") else rest.split()[0]
            probe, _, reason = rest.removeprefix(state).strip().partition(": ")
            found[platform, probe.removesuffix(" (optional)")] = f"{state} {reason}".strip()
    return status, found


def states(found: dict[tuple[str, str], str], platform: str) -> dict[str, str]:
    return {probe: said.split()[0] for (name, probe), said in found.items() if name == platform}


def held(world: World) -> str:
    """Everything that the platforms hold, and what they have sent."""
    rows = [world.state(p, one) for p, names in COLLECTIONS.items() for one in names]
    assert all(isinstance(one, list) for one in rows), rows
    return json.dumps([rows, len(world.receiver.received)], sort_keys=True)


def test_every_connector_says_how_its_permissions_are_found_out(
    environ: pytest.MonkeyPatch,
) -> None:
    del environ
    for connector in CONNECTORS:
        platform = connector.sink(connector.load(os.environ)).platform
        assert platform.probes, f"{connector.name} declares no probes"
        names = [one.name for one in platform.probes]
        assert len(set(names)) == len(names)
        assert all(one.fix for one in platform.probes)


def test_with_the_right_credentials_all_is_well_and_nothing_is_changed(
    world: World, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del environ
    before = held(world)
    status, found = looked(capsys)
    assert set(found.values()) == {"well"}, found
    assert status == 0
    assert {platform for platform, _ in found} == set(COLLECTIONS)
    assert held(world) == before


@pytest.mark.parametrize(
    "wrong",
    [
        ("BRAZE_API_KEY", "braze", "BRAZE_API_KEY is not valid"),
        ("BIGCOMMERCE_ACCESS_TOKEN", "bigcommerce", "BIGCOMMERCE_ACCESS_TOKEN is not valid"),
        ("TG_CLIENT_SECRET", "trading-grid", "token endpoint refused us: status 401"),
    ],
)
def test_a_wrong_key_is_named_and_not_tried_again(
    world: World,
    environ: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: tuple[str, str, str],
) -> None:
    variable, platform, fix = wrong
    environ.setenv(variable, "canary-wrong-key")
    before = len(world.calls(platform, "GET", "/")) + len(world.calls(platform, "POST", "/"))
    status, found = looked(capsys)
    assert status == 1
    assert fix in found[platform, "credentials"]
    rest = {said for probe, said in states(found, platform).items() if probe != "credentials"}
    assert rest == {"not"}  # asked
    after = len(world.calls(platform, "GET", "/")) + len(world.calls(platform, "POST", "/"))
    assert after - before <= 1
    others = {p for p in COLLECTIONS if p != platform}
    assert {said for p in others for said in states(found, p).values()} == {"well"}
    assert "canary" not in str(found)


LACKING: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "braze",
        {"keys": [{"key": "braze-rest-key", "permissions": ["users.track", "users.export.ids"]}]},
        "campaigns.trigger.send",
        "BRAZE_API_KEY the permission campaigns.trigger.send",
    ),
    (
        "bigcommerce",
        {
            "accounts": [
                {
                    "client_id": "c",
                    "client_secret": "s",
                    "access_token": "sandbox-token",
                    "scopes": [
                        "store_v2_orders",
                        "store_v2_transactions_read_only",
                        "store_v2_products",
                        "store_inventory_read_only",
                    ],
                }
            ]
        },
        "store_inventory",
        "an API account with the scope store_inventory",
    ),
]


@pytest.mark.parametrize("lacking", LACKING)
def test_a_missing_permission_is_named_with_its_fix(
    world: World,
    environ: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lacking: tuple[str, dict[str, Any], str, str],
) -> None:
    del environ
    platform, configured, probe, fix = lacking
    world.control(platform, "configure", configured)
    status, found = looked(capsys)
    assert status == 1
    assert found[platform, probe].startswith("refused status 403")
    assert fix in found[platform, probe]
    well = states(found, platform)
    assert well["credentials"] == "well"
    assert list(well.values()).count("well") >= 3


def test_a_scope_that_is_not_asked_for_is_missing_and_one_that_is_not_granted_gives_no_token(
    world: World, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv("TG_SCOPE", "partners.read threads.read availability.read threads.write")
    status, found = looked(capsys)
    assert status == 1
    assert "insights.write" in found["trading-grid", "insights.write"]
    assert states(found, "trading-grid")["threads.write"] == "well"
    environ.delenv("TG_SCOPE")
    client = {
        "client_id": "gridwire",
        "client_secret": "gridwire-secret",
        "scopes": ["partners.read"],
    }
    world.control("trading-grid", "configure", {"clients": [client]})
    status, found = looked(capsys)
    assert status == 1
    assert "invalid_scope" in found["trading-grid", "credentials"]


def test_a_permission_that_is_not_used_everywhere_fails_nothing(
    world: World, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del environ
    permissions = [
        "users.track",
        "users.export.ids",
        "campaigns.trigger.send",
        "subscription.status.get",
    ]
    key = {"key": "braze-rest-key", "permissions": permissions}
    world.control("braze", "configure", {"keys": [key]})
    status, found = looked(capsys)
    assert states(found, "braze")["transactional.send"] == "refused"
    assert status == 0


def test_a_platform_that_is_away_or_ill_is_unanswered(
    world: World, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv("BRAZE_BASE_URL", "http://127.0.0.1:1")
    environ.setenv("TG_TOKEN_URL", "http://127.0.0.1:1/token")
    fault = {"action": "status", "status": 503, "match": {"path_prefix": "/stores"}, "count": 1}
    world.control("bigcommerce", "faults", fault)
    status, found = looked(capsys)
    assert status == 1
    assert "cannot connect" in found["braze", "users.track"]
    assert states(found, "braze")["users.track"] == "unanswered"
    assert states(found, "trading-grid")["credentials"] == "unanswered"
    assert "unanswered" in states(found, "bigcommerce").values()


def test_a_configuration_that_is_wrong_is_said_before_anybody_is_asked(
    world: World, environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv("GRIDWIRE_NO_SUCH_THING", "1")
    before = len(world.calls("braze", "POST", "/"))
    assert cli.main(["check", "--live"]) == 2
    assert "GRIDWIRE_NO_SUCH_THING" in capsys.readouterr().err
    assert len(world.calls("braze", "POST", "/")) == before
