"""Settings of a broker that is alone, as Kafka's own property names."""

VERSION = "4.1.1"
CONTROLLER_HOST = "127.0.0.1"
HEAP_OPTIONS = ("-Xms256m", "-Xmx512m")


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
