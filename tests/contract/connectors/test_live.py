"""`gridwire check --live` against the simulated platforms: what it finds, and that it changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from connectors.kit.auth import Bearer
from connectors.kit.connector import Delivered, Platform, Probe
from connectors.kit.http import live
from connectors.registry import CONNECTORS
from gridwire import cli
from gridwire.commands.configuration import known_variables
from gridwire.settings import Secret
from gridwire.topics import BRAZE_ENGAGEMENT
from sandbox import kafka as local_kafka
from tests.contract.connectors.world import World

WEBHOOK = "whsec_" + "a2V5" * 11
COLLECTIONS = {
    "braze": ("users", "messages", "campaigns"),
    "bigcommerce": ("products", "orders", "hooks"),
    "trading-grid": ("partners", "threads", "insights"),
}
OURS = ("kafka", "registry")
SCOPES = ("threads.write", "insights.write")
PLATFORM = Platform(
    name="grid",
    base_url="http://127.0.0.1:1",
    auth=Bearer(Secret("key")),
    verdict=lambda _request, _response: Delivered(),
    rate=lambda _response, _now_s: None,
    requests_per_s=1.0,
)
PRODUCTS = {"products": [{"name": "Chair", "sku": "C1", "inventory_level": 3}]}


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A broker without any topic."""
    with local_kafka.start(allow=("mock",)) as running:
        yield running.broker.bootstrap


@pytest.fixture
def environ(
    world: World, bootstrap: str, registry: str, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    """Every platform with the right credentials; Kafka and registry are there."""
    given = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "SCHEMA_REGISTRY_URL": registry,
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
        if platform in COLLECTIONS or platform in OURS:
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
    assert "not there yet" in found.pop(("kafka", "topics"))
    for scope in SCOPES:
        assert found.pop(("trading-grid", scope)) == "well in the token's scope; not tried"
    assert set(found.values()) == {"well"}, found
    assert status == 0
    assert {platform for platform, _ in found} == {*COLLECTIONS, *OURS}
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
    assert set(states(found, "braze").values()) == {"unanswered"}  # credentials, too
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


def test_a_kafka_and_a_registry_that_are_away_fail_it_though_the_platforms_are_well(
    environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
    environ.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    status, found = looked(capsys)
    assert status == 1
    assert "KAFKA_BOOTSTRAP='127.0.0.1:1': no broker answers" in found["kafka", "broker"]
    assert found["kafka", "topics"] == "not asked"
    assert "SCHEMA_REGISTRY_URL='http://127.0.0.1:1'" in found["registry", "schemas"]
    assert states(found, "braze")["credentials"] == "well"


def test_topics_of_another_number_of_partitions_fail_it_and_so_do_those_that_nobody_creates(
    environ: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ.setenv("GRIDWIRE_TOPIC_CREATION", "none")
    status, found = looked(capsys)
    assert (status, "have an operator create them" in found["kafka", "topics"]) == (1, True)
    with local_kafka.start(allow=("mock",)) as running:  # it makes what it is asked for
        bootstrap = running.broker.bootstrap
        AdminClient({"bootstrap.servers": bootstrap}).list_topics(BRAZE_ENGAGEMENT.name, timeout=10)
        environ.setenv("KAFKA_BOOTSTRAP", bootstrap)
        environ.setenv("GRIDWIRE_PARTITIONS", "3")
        status, found = looked(capsys)
    assert status == 1
    assert f"but {BRAZE_ENGAGEMENT.name} has 4" in found["kafka", "topics"]


def test_a_token_that_does_not_say_its_scopes_shows_nothing_of_what_is_not_tried() -> None:
    probe = Probe("threads.write", "name it in TG_SCOPE", scope="threads.write")
    found = live._by_scope(PLATFORM, probe, None)
    assert (found.state, found.failed) == ("not asked", True)
    assert "the token does not say its scopes: name it in TG_SCOPE" in found.reason
    assert live._by_scope(PLATFORM, probe, frozenset({"threads.write"})).reason == live.IN_SCOPE


@pytest.mark.parametrize("call", [["check", "--live"], ["run", "sinks", "--dry-run"]])
def test_without_any_platform_what_is_missing_is_named(
    call: list[str],
    bootstrap: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in known_variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAFKA_BOOTSTRAP", bootstrap)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    assert cli.main(call) == 2
    said = capsys.readouterr().err
    assert "no platform is configured: set " in said
    for variable in ("BRAZE_API_KEY", "BIGCOMMERCE_ACCESS_TOKEN", "TG_CLIENT_SECRET"):
        assert variable in said
