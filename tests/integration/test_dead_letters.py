"""`gridwire dead-letters` against a real Kafka: letters in, looked at, mended, written back once, however it ends."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gridwire import dead_letters, topics
from gridwire import kafka as clients
from gridwire import records as r
from gridwire.commands.letters.writing import AGAIN
from gridwire.dead_letters import Why
from gridwire.replays import REPLAY_OF
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES
from sandbox.kafka import RunningBroker
from tests.integration.dead_letter_world import ENGAGEMENT, World, produce, world_on
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)

ENRICH = "braze.engagement-insight/enrich"
SETTLE_S = 180.0


@pytest.fixture
def world(
    own_kafka: RunningBroker,
    registry: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[World]:
    settings = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url=registry)
    with world_on(settings, monkeypatch, capsys) as one:
        yield one


RAISED = Why("flow raised", ENRICH, error_class="builtins.KeyError", trace_id="ab" * 16, attempt=1)


def test_letters_are_listed_counted_and_found_by_what_is_known_of_them(world: World) -> None:
    produce(world.settings, 5, why=RAISED)
    produce(world.settings, 3, why=Why("unknown schema id", "", stage="VALUE_CONVERTER"))
    produce(
        world.settings,
        2,
        why=Why("refused", "braze.case-notification"),
        to=DEAD_LETTER_SINKS,
        topic="command.braze",
    )
    produce(
        world.settings,
        1,
        why=Why("malformed delivery", "braze/currents", stage="VALUE_CONVERTER"),
        to=DEAD_LETTER_SOURCES,
        topic=None,
        value=bytes(2_500_000),
    )
    rows = world.rows()
    assert len(rows) == 11
    assert {row["state"] for row in rows} == {"open"}
    assert [row["bytes"] for row in rows if row["flow"] == "braze/currents"] == [2_500_000]
    assert len(world.rows("--flow", "braze.engagement-insight")) == 5
    assert len(world.rows("--leg", "enrich", "--partition", "1")) == 1
    assert len(world.rows("--unreadable", "--topic", "streams")) == 3
    assert len(world.rows("--topic", "sinks", "--reason", "refused")) == 2
    assert len(world.rows("--trace", "ab" * 16, "--since", "1h")) == 5
    assert world.rows("--until", "1h") == []
    assert len(world.rows("--limit", "4")) == 4
    assert [row["id"] for row in world.rows(rows[3]["id"])] == [rows[3]["id"]]
    _, out, _ = world.call("list", "--count", "--json")
    counted = {row["reason"]: row["count"] for row in map(json.loads, out.splitlines())}
    assert counted["flow raised"] == 5
    status, _, said = world.call("list", "--flow", "no.such-flow")
    assert (status, "no dead letter matches" in said) == (3, True)


def test_replayed_and_discarded_letters_are_done_once_and_known_as_such(world: World) -> None:
    produce(world.settings, 6, why=RAISED)
    produce(world.settings, 2, why=Why("flow raised", "gone.flow/leg"))
    ids = [row["id"] for row in world.rows("--flow", ENRICH)]
    status, out, _ = world.call("replay", "--flow", ENRICH, "--dry-run")
    assert (status, out.count("would replay")) == (0, 6)
    assert world.written_back() == Counter()
    assert world.call("discard", ids[0])[0] == 0
    assert world.call("replay", ids[1], ids[2])[0] == 0
    for _ in range(2):
        assert world.call("replay", "--flow", ENRICH)[0] == 0
    assert world.written_back() == Counter(ids[1:])
    states = {row["id"]: row["state"] for row in world.rows("--flow", ENRICH)}
    assert states == {ids[0]: "discarded"} | dict.fromkeys(ids[1:], "replayed")
    assert [row["id"] for row in world.rows("--state", "discarded")] == ids[:1]
    status, _, said = world.call("replay", "--flow", "gone.flow")
    assert (status, "no leg gone.flow/leg reads" in said) == (1, True)
    assert len(world.rows("--state", "open")) == 2
    status, _, said = world.call("replay")
    assert (status, "--all" in said) == (2, True)
    shown = json.loads(world.call("show", ids[1], "--json")[1])
    assert (shown["state"], shown["target"]) == ("replayed", ENGAGEMENT)
    assert world.call("show", "dead-letter.streams/0/99999")[0] == 3


def test_without_transactions_letters_go_back_and_are_marked_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDWIRE_DELIVERY", "at_least_once")
    produce(world.settings, 150, why=RAISED)
    for _ in range(2):
        assert world.call("replay", "--all")[0] == 0
    found = world.written_back()
    assert (len(found), set(found.values())) == (150, {1})
    assert len(world.rows("--state", "replayed", "--limit", "200")) == 150


def test_order_per_key_is_that_in_which_the_letters_were_written(world: World) -> None:
    produce(world.settings, 200, why=RAISED)
    assert world.call("replay", "--all")[0] == 0
    offsets: dict[bytes, list[int]] = {}
    for message in world.topics.messages(ENGAGEMENT):
        letter = dict(message.headers())[REPLAY_OF].decode()
        offsets.setdefault(message.key(), []).append(int(letter.rpartition("/")[2]))
    assert len(offsets) == 50
    assert all(found == sorted(found) for found in offsets.values())


def command(n: int, lane: str, operation: str) -> r.BrazeCommand:
    body: Any = {
        "set_attributes": r.SetAttributes(customer_ref=lane, attributes={"tier": str(n)}),
        "refresh_profile": r.RefreshProfile(customer_ref=lane),
    }[operation]
    header: dict[str, Any] = {"event_id": f"c-{n}", "produced_at": n, "occurred_at": n}
    return r.BrazeCommand(flow="f", lane=lane, operation=operation, **header, **{operation: body})


def test_a_command_that_a_newer_one_has_overtaken_stays_where_it_is(world: World) -> None:
    topic = topics.BRAZE_COMMANDS
    given = [
        command(0, "ann", "set_attributes"),
        command(1, "ann", "refresh_profile"),
        command(2, "ann", "set_attributes"),
    ]
    world.topics.write(topic, given)
    written = sorted(world.topics.messages(topic.name), key=lambda m: m.offset())
    producer = clients.producer(world.settings)
    for message in written:
        for part in dead_letters.of_message(DEAD_LETTER_SINKS, Why("refused", "f"), message):
            producer.produce(part.topic, part.value, part.key, headers=[*part.headers])
    assert producer.flush(30) == 0
    first, second, third = (row["id"] for row in world.rows("--topic", "sinks"))
    for _ in range(2):
        status, _, said = world.call("replay", "--topic", "sinks")
        assert status == 1
        assert f"{first}: a newer command wrote the same object" in said
    assert world.written_back(topic.name) == Counter([second, third])
    assert world.call("replay", first, "--even-if-overtaken")[0] == 0
    assert world.written_back(topic.name) == Counter([first, second, third])


def child(words: Sequence[str], log: Path, settings: KafkaSettings) -> "subprocess.Popen[bytes]":
    environ = os.environ | {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SCHEMA_REGISTRY_URL": settings.registry_url,
    }
    command = [sys.executable, "-m", "gridwire.cli", "dead-letters", *words]
    with log.open("ab") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=environ)


def test_a_command_that_is_killed_again_and_again_writes_nothing_twice(
    world: World, tmp_path: Path
) -> None:
    count, kills = 4_000, 4
    produce(world.settings, count, why=RAISED)
    seed = random.Random(os.urandom(8)).randrange(1_000_000)
    print(f"seed {seed}")
    dice = random.Random(seed)
    words, log = ["replay", "--all", "--limit", "100000"], tmp_path / "replay.log"
    for _ in range(kills):
        before = world.topics.count(ENGAGEMENT)
        enough = before + dice.randrange(1, count // kills)
        running = child(words, log, world.settings)
        try:
            until(
                lambda enough=enough: world.topics.count(ENGAGEMENT) >= enough,  # type: ignore[misc]
                f"it has written up to {enough}",
                SETTLE_S,
            )
        finally:
            running.kill()
            running.wait()
    status, out, _ = world.call(*words, "--json")
    report = json.loads(out)
    assert (status, report["refused"]) == (0, 0)
    assert report["before"]["replayed"] > 0
    assert report["done"] + report["before"]["replayed"] == count
    found = world.written_back()
    assert (len(found), set(found.values())) == (count, {1})
    assert len(world.rows("--state", "replayed", "--limit", str(count + 1))) == count


def test_of_two_commands_at_once_one_stops_and_nothing_is_written_twice(
    world: World, tmp_path: Path
) -> None:
    count = 3_000
    produce(world.settings, count, why=RAISED)
    words, log = ["replay", "--all", "--limit", "100000"], tmp_path / "first.log"
    first = child(words, log, world.settings)
    try:
        until(lambda: world.topics.count(ENGAGEMENT) > 0, "the first has begun", SETTLE_S)
        assert world.call(*words)[0] == 0
        assert first.wait(SETTLE_S) in (0, 1)
    finally:
        first.kill()
        first.wait()
    found = world.written_back()
    assert (len(found), set(found.values())) == (count, {1})
    if first.returncode == 1:  # fenced while it wrote, or in the middle of its commit
        said = log.read_text()
        assert "another `gridwire dead-letters` has begun" in said or AGAIN in said


# Not `ru_maxrss`: it begins at what the process that started this one had.
MEASURE = """
import sys
from pathlib import Path
from gridwire import cli
status = cli.main(sys.argv[1:])
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(status)
"""
LARGE_BYTES = 50_000
MEGABYTES_MAX = 330  # of 500 MB of letters; the interpreter with its libraries takes 115


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc"
)
def test_a_large_topic_is_listed_within_bounded_memory(world: World) -> None:
    count = 10_000
    produce(world.settings, count, why=RAISED, noise_bytes=LARGE_BYTES)
    words = ["dead-letters", "list", "--json", "--limit", str(count)]
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, *words], capture_output=True, check=False, timeout=200
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) == count
    megabytes = int(ended.stderr.split()[-1])
    print(f"{count} letters of {LARGE_BYTES} bytes listed within {megabytes} MB")
    assert megabytes < MEGABYTES_MAX
