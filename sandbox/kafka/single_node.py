"""Settings of a broker that is alone, as Kafka's own property names."""

import random
import socket

# Below the ports that the kernel gives to outgoing connections (32768 on Linux, 49152 elsewhere): while a broker is
# down, a client that keeps knocking could otherwise be given the broker's port, and so take it away.
PORTS = range(20_000, 32_000)
PORT_ATTEMPTS_MAX = 100
VERSION = "4.1.1"
CONTROLLER_HOST = "127.0.0.1"
HEAP_OPTIONS = ("-Xms256m", "-Xmx512m")


def free_port(*, but_not: int | None = None) -> int:
    """A loopback port that nothing listens on. Raises OSError when PORT_ATTEMPTS_MAX guesses were all taken."""
    for port in random.sample(PORTS, PORT_ATTEMPTS_MAX):
        if port != but_not and is_free(port):
            return port
    raise OSError(f"no free port after {PORT_ATTEMPTS_MAX} attempts in {PORTS.start}-{PORTS.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def settings(*, port: int, controller_port: int, listen_on: str, data: str) -> dict[str, str]:
    """KRaft, one node; internal topics of one replica and few partitions; no topic appears by accident."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{CONTROLLER_HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{listen_on}:{port},CONTROLLER://{CONTROLLER_HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "num.partitions": "4",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.num.partitions": "8",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Chaos tests lose sessions on purpose; production's minimum of 6 s would only make them slow.
        "group.min.session.timeout.ms": "1000",
        # A broker that was killed may come back only when its old session is over: 9 s by default.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # Out of 512 MB of heap; the default asks for 128 MB.
        "log.cleaner.dedupe.buffer.size": "33554432",
    }


def as_properties(values: dict[str, str]) -> str:
    """A Java properties file."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def as_environment(values: dict[str, str]) -> dict[str, str]:
    """As the official image reads them."""
    return {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in values.items()}
