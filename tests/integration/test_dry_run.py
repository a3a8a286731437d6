"""`gridwire run sinks --dry-run`: shows what waits, sends nothing, commits nothing."""

import json
import socket
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from connectors.kit.lanes.progress import packed
from gridwire import cli, topics
from gridwire import kafka as clients
from gridwire import records as r
from gridwire.redaction import HIDDEN
from gridwire.settings import KafkaSettings
from gridwire.topics import Topic
from sandbox.kafka import RunningBroker
from tests.roles import Topics

SECRETS = {
    "BRAZE_API_KEY": "canary-braze-key",
    "BRAZE_CURRENTS_TOKEN": "canary-currents",
    "BIGCOMMERCE_ACCESS_TOKEN": "canary-bc-token",
    "BIGCOMMERCE_HOOK_SECRET": "canary-hook",
    "TG_CLIENT_SECRET": "canary-client-secret",
    "TG_WEBHOOK_SECRET": "whsec_" + "QUJDRA" * 8,
}
GROUPS = {"braze": "command.braze", "trading-grid": "command.trading-grid"}


@pytest.fixture
def platform() -> Iterator[socket.socket]:
    """An address that every platform is at. Whoever connected would wait in its backlog."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        listener.setblocking(False)
        yield listener


@pytest.fixture
def settings(
    kafka: RunningBroker,
    registry: str,
    platform: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> KafkaSettings:
    url = f"http://127.0.0.1:{platform.getsockname()[1]}"
    prefix = f"dry-{uuid.uuid4().hex[:8]}"
    given = {
        **SECRETS,
        "KAFKA_BOOTSTRAP": kafka.broker.bootstrap,
        "SCHEMA_REGISTRY_URL": registry,
        "GRIDWIRE_GROUP_PREFIX": prefix,
        "BRAZE_BASE_URL": url,
        "BIGCOMMERCE_API_URL": url,
        "BIGCOMMERCE_STORE_HASH": "hash",
        "TG_BASE_URL": url,
        "TG_TOKEN_URL": f"{url}/token",
        "TG_CLIENT_ID": "gridwire",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = KafkaSettings(
        bootstrap=kafka.broker.bootstrap, registry_url=registry, group_prefix=prefix
    )
    clients.create_topics(found, [])
    for topic in (topics.BRAZE_COMMANDS, topics.BIGCOMMERCE_COMMANDS, topics.TRADING_GRID_COMMANDS):
        commit_ends(found, topic)
    return found


def group(topic: Topic[Any]) -> str:
    return f"sink.{topic.platform}"


def partitions(settings: KafkaSettings, topic: Topic[Any]) -> list[int]:
    return list(range(clients.partition_counts(settings)[topic.name]))


def commit(settings: KafkaSettings, topic: Topic[Any], places: Sequence[TopicPartition]) -> None:
    consumer = clients.consumer(settings, group(topic))
    consumer.commit(offsets=list(places), asynchronous=False)
    consumer.close()


def commit_ends(settings: KafkaSettings, topic: Topic[Any]) -> None:
    """As a sink would have that carried out all that other tests left."""
    ends = clients.end_offsets(settings, topic.name, partitions(settings, topic))
    commit(settings, topic, [TopicPartition(topic.name, p, end) for p, end in ends.items()])


def committed(settings: KafkaSettings, topic: Topic[Any]) -> list[tuple[int, int, str | None]]:
    consumer = clients.consumer(settings, group(topic))
    asked = [TopicPartition(topic.name, p) for p in partitions(settings, topic)]
    found = consumer.committed(asked, timeout=30)
    consumer.close()
    return [(one.partition, one.offset, one.metadata) for one in found]


def braze(operation: str, body: Any, n: int = 0) -> r.BrazeCommand:
    return r.BrazeCommand(
        event_id=f"{operation}-{n}-{uuid.uuid4().hex[:6]}",
        flow="braze.case-notification",
        lane="ann-4711",
        operation=operation,
        **{operation: body},
    )


def trigger(n: int = 0) -> r.BrazeCommand:
    body = r.TriggerCampaign(
        campaign_id="case-open",
        customer_ref="ann-4711",
        trigger_properties={"name": "Ann Canary"},
        attributes={"mail": "ann@example.com"},
    )
    return braze("trigger_campaign", body, n)


def write(settings: KafkaSettings, topic: Topic[Any], commands: list[Any]) -> None:
    writer = Topics(settings)
    writer.write(topic, commands)
    writer.close()


def dry_run(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[list[dict[str, Any]], str, str]:
    """The lines, all that was printed, and what was said beside them."""
    assert cli.main(["run", "sinks", "--dry-run", *arguments]) == 0
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()], said.out, said.err


def untouched(platform: socket.socket) -> bool:
    """Whether nobody ever connected."""
    try:
        platform.accept()
    except BlockingIOError:
        return True
    return False


def test_the_requests_that_wait_are_shown_without_sending_or_committing_anything(
    settings: KafkaSettings, platform: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    move = r.MoveThread(
        external_ref="o-1/p-1/1", system="bigcommerce", to="resolved", reason_code="r", note="n"
    )
    moved = r.TradingGridCommand(
        event_id="m-1", flow="f", lane="o-1", operation="move_thread", move_thread=move
    )
    stock = r.SetInventory(sku="S1", location_code="", quantity=7, sequence=1)
    stocked = r.BigCommerceCommand(
        event_id="s-1", flow="f", lane="S1", operation="set_inventory", set_inventory=stock
    )
    write(settings, topics.BRAZE_COMMANDS, [trigger()])
    write(settings, topics.TRADING_GRID_COMMANDS, [moved])
    write(settings, topics.BIGCOMMERCE_COMMANDS, [stocked])
    before = [committed(settings, topic) for topic in ALL]
    lines, text, said = dry_run(capsys)
    by_operation = {line["operation"]: line for line in lines}
    assert len(lines) == len(by_operation) == 3
    sent = by_operation["trigger_campaign"]
    assert (sent["method"], sent["path"]) == ("POST", "/campaigns/trigger/send")
    assert sent["safety"] == "unsafe"
    assert sent["body"]["campaign_id"] == "case-open"
    assert "then" not in sent
    looked = by_operation["move_thread"]
    assert (looked["method"], looked["then"]) == ("GET", "depends on the answer")
    put = by_operation["set_inventory"]
    assert (put["method"], put["path"]) == ("PUT", "/v3/inventory/adjustments/absolute")
    assert put["body"]["items"][0]["quantity"] == 7
    assert put["together"] == "with up to 9 others in one request"
    assert "together" not in sent
    for canary in (*SECRETS.values(), "ann-4711", "Ann Canary", "ann@example.com"):
        assert canary not in text
    assert HIDDEN in text
    assert "that is all" in said
    assert untouched(platform)
    assert [committed(settings, topic) for topic in ALL] == before


ALL = (topics.BRAZE_COMMANDS, topics.TRADING_GRID_COMMANDS, topics.BIGCOMMERCE_COMMANDS)


def test_at_the_limit_it_ends_and_says_how_many_more_wait(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(settings, topics.BRAZE_COMMANDS, [trigger(n) for n in range(5)])
    lines, _, said = dry_run(capsys, "--limit", "3")
    assert len(lines) == 3
    assert "--limit 3 is reached, about 2 more wait" in said
    lines, _, said = dry_run(capsys, "--limit", "5")
    assert len(lines) == 5
    assert "that is all" in said


def test_what_is_carried_out_already_is_not_shown_and_what_may_have_been_sent_says_so(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = topics.BRAZE_COMMANDS
    before = {p: offset for p, offset, _ in committed(settings, topic)}
    first, done, intended = (trigger(n) for n in range(3))
    write(settings, topic, [first, done, intended])  # one lane, so one partition
    ends = clients.end_offsets(settings, topic.name, list(before))
    (partition,) = [p for p, end in ends.items() if end > before[p]]
    at = before[partition]
    metadata = packed([at + 1], [at + 2], at)
    commit(settings, topic, [TopicPartition(topic.name, partition, at, metadata)])
    lines, _, _ = dry_run(capsys)
    assert [line["command"] for line in lines] == [first.event_id, intended.event_id]
    assert "note" not in lines[0]
    assert "GRIDWIRE_SINK_UNSAFE_REPEATS" in lines[1]["note"]


def test_commands_that_lead_to_no_request_say_what_becomes_of_them(
    settings: KafkaSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = r.BrazeCommand(event_id="odd-1", flow="f", lane="l", operation="fly_away")
    empty = r.BrazeCommand(event_id="odd-2", flow="f", lane="l", operation="trigger_campaign")
    write(settings, topics.BRAZE_COMMANDS, [odd, empty])
    stock = r.SetInventory(sku="S1", location_code="nowhere", quantity=7, sequence=1)
    stocked = r.BigCommerceCommand(
        event_id="s-2", flow="f", lane="S1", operation="set_inventory", set_inventory=stock
    )
    write(settings, topics.BIGCOMMERCE_COMMANDS, [stocked])
    producer = clients.producer(settings)
    producer.produce(topics.BRAZE_COMMANDS.name, b"no record", "l")
    assert producer.flush(30) == 0
    lines, _, _ = dry_run(capsys)
    found = {line.get("command", ""): (line["outcome"], line["reason"]) for line in lines}
    assert found["odd-1"] == ("rejected", "unknown operation")
    assert found["odd-2"] == ("rejected", "command without its operation")
    assert found["s-2"][0] == "rejected"
    assert "BIGCOMMERCE_LOCATIONS" in found["s-2"][1]
    assert found[""][0] == "dead letter"


def test_only_sinks_can_be_run_dry(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "streams", "--dry-run"]) == 2
    assert "gridwire run sinks --dry-run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["run", "sinks", "--dry-run", "--limit", "0"])
    assert "no number from 1" in capsys.readouterr().err
