"""Settings and ports of a broker that is alone."""

import socket

import pytest

from sandbox import ports
from sandbox.kafka import single_node

VALUES = single_node.settings(port=20_001, controller_port=20_002, listen_on="127.0.0.1", data="d")


def test_every_internal_topic_makes_do_with_one_replica() -> None:
    replicas = {name: value for name, value in VALUES.items() if "replication.factor" in name}
    assert set(replicas.values()) == {"1"}
    assert {VALUES["transaction.state.log.min.isr"], VALUES["min.insync.replicas"]} == {"1"}


def test_settings_are_written_as_kafka_and_as_its_image_read_them() -> None:
    assert "auto.create.topics.enable=false\n" in single_node.as_properties(VALUES)
    assert single_node.as_environment(VALUES)["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert single_node.as_environment(VALUES)["KAFKA_NODE_ID"] == "1"


def test_a_port_in_use_is_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ports.free_port()
    monkeypatch.setattr(ports, "PORTS", range(taken, taken + 1))
    monkeypatch.setattr(ports, "PORT_ATTEMPTS_MAX", 1)
    assert ports.free_port() == taken
    with socket.create_server(("127.0.0.1", taken)), pytest.raises(OSError, match="no free port"):
        ports.free_port()
    with pytest.raises(OSError, match="no free port"):
        ports.free_port(but_not=taken)


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    assert ports.PORTS.stop < 32_768
