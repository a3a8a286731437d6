"""Secrets and personal data in no log, metric, health page, dead letter's header, receipt or command's output.

Recognisable ones (canaries) go through every path, good and bad, of gateway, fetches, polls and sinks; then everything
that gridwire says is searched for them.
"""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import TopicPartition

from gridwire import kafka as clients
from gridwire import records as r
from gridwire import topics
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTERS, Topic
from sandbox.core.webhooks import standard_webhook_headers
from sandbox.kafka import RunningBroker
from sandbox.process import start as start_sandbox
from tests.integration.canaries import (
    ACCESS_TOKEN,
    EMAIL,
    KEYS,
    NAME,
    PERSON,
    TEXT,
    Heard,
    commands,
)
from tests.integration.echoing import Echo, echoing
from tests.roles import Role, Topics, free_port, running
from tests.waiting import until

COMMANDS: tuple[Topic[Any], ...] = (
    topics.BRAZE_COMMANDS,
    topics.BIGCOMMERCE_COMMANDS,
    topics.TRADING_GRID_COMMANDS,
)
NOTICES = (topics.BIGCOMMERCE_NOTICES, topics.TRADING_GRID_NOTICES)
SETTLE_S = 180.0


class Scene:
    """Kafka with groups of our own that begin at the end of what others left, and the roles' environment."""

    def __init__(self, kafka: RunningBroker, registry: str, folder: Path, platforms: str) -> None:
        self.folder = folder
        self.gateway_port = free_port()
        prefix = f"c{uuid.uuid4().hex[:8]}"
        self.settings = KafkaSettings(
            bootstrap=kafka.broker.bootstrap,
            registry_url=registry,
            group_prefix=prefix,
            session_timeout_ms=6_000,
        )
        clients.create_topics(self.settings, [])
        self.ends = {one.name: self._ends(one.name) for one in DEAD_LETTERS}
        for topic in COMMANDS:
            self._begin(f"sink.{topic.platform}", topic)
        for notices in NOTICES:
            self._begin(f"fetch.{notices.name.split('.')[1]}", notices)
        self.topics = Topics(self.settings)
        self.environ = {
            **KEYS,
            "KAFKA_BOOTSTRAP": kafka.broker.bootstrap,
            "SCHEMA_REGISTRY_URL": registry,
            "GRIDWIRE_GROUP_PREFIX": prefix,
            "GRIDWIRE_SESSION_TIMEOUT_MS": "6000",
            "GRIDWIRE_LOG_LEVEL": "DEBUG",
            "GRIDWIRE_GATEWAY_HOST": "127.0.0.1",
            "GRIDWIRE_GATEWAY_PORT": str(self.gateway_port),
            "GRIDWIRE_SINK_ATTEMPTS": "2",
            "GRIDWIRE_FETCH_ATTEMPTS": "2",
            "BRAZE_BASE_URL": f"{platforms}/braze",
            "BIGCOMMERCE_API_URL": f"{platforms}/bigcommerce",
            "BIGCOMMERCE_STORE_HASH": "sandbox",
            "TG_BASE_URL": f"{platforms}/trading-grid/api/active-community/v1",
            "TG_TOKEN_URL": f"{platforms}/trading-grid/oauth2/token",
            "TG_CLIENT_ID": "gridwire",
            "TG_POLL_OVERLAP_S": "1",
        }
        self.sources = Role("sources", folder, self.environ)
        self.sinks = Role("sinks", folder, self.environ)

    def _ends(self, topic: str) -> dict[int, int]:
        numbers = list(range(clients.partition_counts(self.settings)[topic]))
        return clients.end_offsets(self.settings, topic, numbers)

    def _begin(self, group: str, topic: Topic[Any]) -> None:
        consumer = clients.consumer(self.settings, group)
        places = [TopicPartition(topic.name, p, end) for p, end in self._ends(topic.name).items()]
        consumer.commit(offsets=places, asynchronous=False)
        consumer.close()

    def receipts(self, commands: list[Any]) -> list[r.Receipt]:
        wanted = {one.event_id for one in commands}
        found: list[r.Receipt] = []
        for topic in (
            topics.BRAZE_RECEIPTS,
            topics.BIGCOMMERCE_RECEIPTS,
            topics.TRADING_GRID_RECEIPTS,
        ):
            found += [one for one in self.topics.read(topic) if one.command_id in wanted]
        return found

    def write(self, commands: list[Any]) -> None:
        for topic in COMMANDS:
            self.topics.write(topic, [one for one in commands if isinstance(one, topic.record)])

    def hear(self, heard: Heard) -> None:
        """Pages of the roles, their logs, headers of what became dead letters."""
        for role in (self.sources, self.sinks):
            for page in ("metrics", "livez", "readyz"):
                answer = httpx.get(f"http://127.0.0.1:{role.port}/{page}", timeout=10)
                heard.add(f"{role.name}/{page}", answer.text)
        for name, ends in self.ends.items():
            for message in self.topics.messages(name):
                if message.offset() >= ends[message.partition()]:
                    text = " ".join(f"{n}={v!r}" for n, v in message.headers() or [])
                    heard.add(f"headers of {name}", text)

    def hear_logs(self, heard: Heard) -> None:
        for role in (self.sources, self.sinks):
            heard.add(f"{role.name}'s log", role.everything())

    def hear_commands(self, heard: Heard, *calls: list[str]) -> None:
        """What an operator's own commands print."""
        environ: Mapping[str, str] = {**os.environ, **self.environ}
        for arguments in calls:
            done = subprocess.run(
                [sys.executable, "-m", "gridwire.cli", *arguments],
                env=environ,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            heard.add(f"gridwire {arguments[0]}", done.stdout + done.stderr)
            assert "Traceback" not in done.stderr, done.stderr


# ---- what comes in -----------------------------------------------------------------------------------------------
EVENT = {
    "id": "canary-event-1",
    "event_type": "users.messages.email.Click",
    "time": 1_760_000_000,
    "user": {"external_user_id": PERSON, "user_id": PERSON},
    "properties": {"email_address": EMAIL, "url": f"https://shop.example/products/S1?who={PERSON}"},
}


def knock(scene: Scene) -> list[int]:
    """Deliveries of every kind; the statuses that they were answered with."""
    currents = {"authorization": f"Bearer {KEYS['BRAZE_CURRENTS_TOKEN']}"}
    hook = {"x-gridwire-secret": KEYS["BIGCOMMERCE_HOOK_SECRET"]}
    order = {"type": "order", "id": 100}
    about = {"scope": "store/order/updated", "data": order, "hash": "h", "created_at": 1}
    whole = json.dumps({"events": [EVENT, {"id": 1, "user": {"external_user_id": PERSON}}, NAME]})
    thread = json.dumps({"type": "thread.updated", "subject": "thread/th_1", "data": {"id": TEXT}})
    at_s = time.time()
    signed = standard_webhook_headers(KEYS["TG_WEBHOOK_SECRET"], PERSON, at_s, thread.encode())
    stale = standard_webhook_headers(KEYS["TG_WEBHOOK_SECRET"], PERSON, at_s - 999, b"{}")
    deliveries: list[tuple[str, dict[str, str], str]] = [
        ("/braze/currents", currents, whole),
        ("/braze/currents", currents, f'{{"events": "{EMAIL}'),
        ("/braze/currents", currents, json.dumps({"events": {PERSON: NAME}})),
        ("/braze/currents", {"authorization": f"Bearer {KEYS['BRAZE_API_KEY']}"}, whole),
        ("/braze/webhooks", {"authorization": "Bearer " + KEYS["BRAZE_WEBHOOK_TOKEN"]}, whole),
        (f"/braze/currents?token={KEYS['BRAZE_CURRENTS_TOKEN']}", {}, whole),
        ("/bigcommerce/hooks", hook, json.dumps(about)),
        ("/bigcommerce/hooks", hook, json.dumps(about | {"scope": NAME, "data": {"id": EMAIL}})),
        ("/bigcommerce/hooks", {"x-gridwire-secret": KEYS["BIGCOMMERCE_CLIENT_SECRET"]}, "{}"),
        ("/trading-grid/webhooks", signed, thread),
        ("/trading-grid/webhooks", stale, "{}"),
        ("/trading-grid/webhooks", {"webhook-signature": KEYS["TG_WEBHOOK_SECRET"]}, thread),
        (f"/nowhere/{KEYS['BRAZE_CURRENTS_TOKEN']}", {}, whole),
        ("/braze/webhooks", currents, NAME * 20_000),
    ]
    found = []
    with httpx.Client(base_url=f"http://127.0.0.1:{scene.gateway_port}", timeout=30) as client:
        for path, headers, body in deliveries:
            found.append(client.post(path, headers=headers, content=body).status_code)
    return found


@pytest.fixture
def echo() -> Iterator[Echo]:
    with echoing(ACCESS_TOKEN) as one:
        yield one


def test_nothing_leaks_while_all_is_well(
    kafka: RunningBroker, registry: str, tmp_path: Path
) -> None:
    with start_sandbox() as sandbox, httpx.Client(base_url=sandbox.url, timeout=20) as control:
        prepared(control)
        scene, heard = Scene(kafka, registry, tmp_path, sandbox.url), Heard()
        sent = commands(uuid.uuid4().hex[:8])
        with running(scene.sources, scene.sinks):
            scene.write(sent)
            statuses = knock(scene)
            until(lambda: len(scene.receipts(sent)) == len(sent), "all have receipts", SETTLE_S)
            scene.hear(heard)
        scene.hear_logs(heard)
        calls = [["check", "--live"], ["lag"], ["dead-letters", "list"], trace_of(sent[0])]
        scene.hear_commands(heard, *calls)
        receipts = scene.receipts(sent)
        heard.add("receipts", " ".join(str(one.reason) for one in receipts))
        users = control.get("/_sandbox/braze/state/messages").text
        scene.topics.close()
    assert {200, 400, 401, 404, 413} <= set(statuses)
    assert PERSON in users, "the canaries did not get through: this test would find nothing"
    assert {"delivered", "rejected"} <= {one.outcome for one in receipts}
    for phrase in ("delivery refused", "delivery malformed"):
        assert phrase in heard.said["sources's log"]
    assert "command not delivered" in heard.said["sinks's log"]
    assert heard.found() == []


def prepared(control: httpx.Client) -> None:
    """The platforms know our keys and our person."""
    account = {
        "client_id": "c",
        "client_secret": KEYS["BIGCOMMERCE_CLIENT_SECRET"],
        "access_token": KEYS["BIGCOMMERCE_ACCESS_TOKEN"],
    }
    client = {"client_id": "gridwire", "client_secret": KEYS["TG_CLIENT_SECRET"]}
    user = {"external_id": PERSON, "attributes": {"email": EMAIL, "first_name": NAME}}
    product = {"name": "Chair", "sku": "S1", "inventory_tracking": "product"}
    for path, body in {
        "braze/configure": {"keys": [{"key": KEYS["BRAZE_API_KEY"]}]},
        "braze/seed": {"users": [user], "campaigns": [{"id": "case-open"}]},
        "bigcommerce/configure": {"accounts": [account]},
        "bigcommerce/seed": {"products": [product], "customers": [{"email": EMAIL}]},
        "trading-grid/configure": {"clients": [client], "rate_limit": 1_000},
    }.items():
        answer = control.post(f"/_sandbox/{path}", json=body)
        assert answer.status_code < 300, answer.text


def test_nothing_leaks_though_the_platforms_repeat_everything_they_are_told(
    kafka: RunningBroker, registry: str, tmp_path: Path, echo: Echo
) -> None:
    scene, heard = Scene(kafka, registry, tmp_path, echo.url), Heard()
    environ = {
        "TG_TOKEN_URL": f"{echo.url}/token",
        "GRIDWIRE_SINK_REJECTS_IN_A_ROW_MAX": "1000000",
        "GRIDWIRE_SINK_REJECTS_RATIO_MAX": "1",
    }
    for role in (scene.sources, scene.sinks):
        role.environ.update(environ)
    scene.environ |= environ
    sent = commands(uuid.uuid4().hex[:8])
    braze = [one for one in sent if isinstance(one, r.BrazeCommand)]
    try:
        for role in (scene.sources, scene.sinks):
            role.start()
        until(lambda: alive(scene.sinks) and alive(scene.sources), "both roles answer", SETTLE_S)
        until(lambda: gateway_listens(scene), "the gateway listens", SETTLE_S)
        scene.write(sent)
        knock(scene)
        until(lambda: len(scene.receipts(braze)) >= len(braze) // 3, "many have ended", SETTLE_S)
        scene.hear(heard)
        echo.manner = "refusing"
        more = commands(uuid.uuid4().hex[:8])
        scene.write(more)
        until(lambda: "stopped" in page(scene.sinks, "readyz"), "a sink stops", SETTLE_S)
        scene.hear(heard)
    finally:
        scene.sources.stop()
        scene.sinks.stop()
    scene.hear_logs(heard)
    calls = [["check", "--live"], ["run", "sinks", "--dry-run"], trace_of(sent[0])]
    scene.hear_commands(heard, *calls)
    receipts = scene.receipts([*sent, *more])
    heard.add("receipts", " ".join(str(one.reason) for one in receipts))
    scene.topics.close()
    asked = " ".join(echo.asked)
    for canary in (KEYS["BRAZE_API_KEY"], KEYS["BIGCOMMERCE_ACCESS_TOKEN"], ACCESS_TOKEN, PERSON):
        assert canary in asked, "the canaries did not get through: this test would find nothing"
    assert "rejected" in {one.outcome for one in receipts}
    assert heard.found() == []


def trace_of(command: Any) -> list[str]:
    """The command line that follows a command's trace."""
    return ["trace", command.event_id, "--since-hours", "1"]


def alive(role: Role) -> bool:
    return bool(page(role, "livez"))


def page(role: Role, name: str) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{role.port}/{name}", timeout=5).text
    except httpx.TransportError:
        return ""


def gateway_listens(scene: Scene) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{scene.gateway_port}/nowhere").status_code == 404
    except httpx.TransportError:
        return False
