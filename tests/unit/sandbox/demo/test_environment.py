"""What the roles of the demo are told, and what they are not."""

import json

import pytest

from gridwire.commands.configuration import configuration, known_variables
from gridwire.settings import unknown_variables
from sandbox.demo.environment import ROLES, Places, Secrets, exports, kafka_variables, of_role
from sandbox.demo.stories import STORIES
from sandbox.kafka import Broker
from streams import settings as flow_settings
from streams.flows import FLOWS
from tests.unit.sandbox.demo.worlds import MOCK, REAL


def places(broker: Broker = REAL) -> Places:
    return Places(broker, "http://127.0.0.1:1", "http://127.0.0.1:2")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_gets_a_configuration_that_is_valid_and_whole(role: str) -> None:
    told = of_role(role, places(), Secrets(), STORIES)
    assert unknown_variables(known_variables(), told) == []
    found = configuration(told)
    assert found.kafka.bootstrap == REAL.bootstrap
    assert {flow.id for flow in found.flows} == {story.flow_id for story in STORIES}


def test_the_streams_role_gets_no_secret_of_any_platform() -> None:
    known = Secrets()
    secrets = {getattr(known, name) for name in known.__slots__}
    told = of_role("streams", places(), known, STORIES)
    assert not secrets & set(told.values())


def test_settings_of_the_user_do_not_reach_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDWIRE_FLOWS", "braze.case-notification")
    monkeypatch.setenv("TG_CLIENT_ID", "somebody")
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "production:9092")
    told = of_role("streams", places(), Secrets(), STORIES)
    assert "GRIDWIRE_FLOWS" not in told
    assert "TG_CLIENT_ID" not in told
    assert told["KAFKA_BOOTSTRAP"] == REAL.bootstrap


def test_the_security_of_the_users_own_kafka_does_reach_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRIDWIRE_KAFKA_SECURITY", '{"sasl.mechanism": "PLAIN"}')
    external = Broker("k:9092", "external", exactly_once=True, version="(unknown)")
    assert "GRIDWIRE_KAFKA_SECURITY" in kafka_variables(places(external))
    assert "GRIDWIRE_KAFKA_SECURITY" not in kafka_variables(places())


def test_another_terminal_sees_the_flows_and_the_workers_of_the_running_demo() -> None:
    here, known = places(MOCK), Secrets()
    told = exports(here, known)
    assert unknown_variables(known_variables(), told) == []
    found, role = configuration(told), configuration(of_role("streams", here, known, STORIES))
    assert found.inactive == role.inactive == {}
    assert found.kafka.group_prefix == role.kafka.group_prefix
    assert found.kafka.delivery == role.kafka.delivery
    assert found.streams.worker_urls == (here.ops_url("streams"),)


def test_credentials_of_the_users_kafka_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDWIRE_KAFKA_SECURITY", '{"sasl.password": "s3cret"}')
    external = Broker("k:9092", "external", exactly_once=True, version="(unknown)")
    assert "s3cret" not in str(exports(places(external), Secrets()))


def test_the_mock_is_promised_nothing_that_it_cannot_keep() -> None:
    told = kafka_variables(places(MOCK))
    assert told["GRIDWIRE_DELIVERY"] == "at_least_once"
    assert told["GRIDWIRE_TOPIC_CREATION"] == "metadata"
    assert told["GRIDWIRE_SESSION_TIMEOUT_MS"] == "6000"
    assert told["GRIDWIRE_PARTITIONS"] == "4"


def test_settings_of_stories_are_settings_of_their_flows() -> None:
    by_id = {flow.id: flow for flow in FLOWS}
    told = of_role("streams", places(), Secrets(), STORIES)
    for story in STORIES:
        variable = flow_settings.variable(by_id[story.flow_id])
        assert (variable in told) == bool(story.settings)
        if story.settings:
            assert json.loads(told[variable]) == dict(story.settings)
