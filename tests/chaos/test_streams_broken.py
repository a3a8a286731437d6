"""The streams role broken under load: every event once in the enriched topic, in order, and the tables right."""

import random
import signal
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridwire import kafka as kafka_clients
from gridwire import records as r
from gridwire import topics
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from tests.chaos.roles import Role, Topics, amiss, running, times
from tests.unit.streams.engine.flows import event, partner
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(400)]

EVENTS = 12_000
USERS = 400
SKUS = 50
SETTLE_S = 90.0


@pytest.fixture
def world(own_kafka: RunningBroker, registry: str) -> Iterator[tuple[KafkaSettings, Topics]]:
    settings = KafkaSettings(
        bootstrap=own_kafka.broker.bootstrap, registry_url=registry, session_timeout_ms=6_000
    )
    kafka_clients.create_topics(settings, [])
    all_topics = Topics(settings)
    yield settings, all_topics
    all_topics.close()


def environ(settings: KafkaSettings, slot: int = 0) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP": settings.bootstrap,
        "SCHEMA_REGISTRY_URL": settings.registry_url,
        "GRIDWIRE_PLATFORMS": "braze,trading-grid,bigcommerce",
        "GRIDWIRE_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
        "GRIDWIRE_SLOT": str(slot),
        "GRIDWIRE_ROUND_RECORDS_MAX": "500",
    }


def load(rng: random.Random) -> list[r.Engagement]:
    """Genuine events; per user `quantity` counts up, so that the order can be told."""
    now_ms = round(time.time() * 1000)
    numbers: Counter[str] = Counter()
    events = []
    for n in range(EVENTS):
        user = f"u{rng.randrange(USERS)}"
        numbers[user] += 1
        made = event(
            user,
            f"S{rng.randrange(SKUS)}",
            event_id=str(uuid.UUID(int=rng.getrandbits(128))),
            occurred_at=now_ms + n // 100,
            produced_at=now_ms,
            kind="product_view",
            quantity=numbers[user],
        )
        events.append(made)
    return events


def begin(world: tuple[KafkaSettings, Topics], seed: int) -> list[str]:
    """Reference rows and input, with some events written twice. Returns the genuine ids."""
    _, all_topics = world
    rng = random.Random(seed)
    partners = [partner(f"P{n}", f"S{n}") for n in range(SKUS)]
    named = [
        r.Partner(
            **{f: getattr(p, f) for f in p.__struct_fields__ if f != "event_id"},
            event_id=p.partner_id,
        )
        for p in partners
    ]
    all_topics.write(topics.TRADING_GRID_PARTNERS, named)
    events = load(rng)
    repeated = [entry for entry in events if rng.random() < 0.05]
    all_topics.write(topics.BRAZE_ENGAGEMENT, events + repeated)
    return [entry.event_id for entry in events]


def settled(all_topics: Topics, ids: list[str]) -> list[r.EnrichedEngagement]:
    """The enriched topic once all ids are in it (or it stands still for too long)."""
    found: list[r.EnrichedEngagement] = []

    def complete() -> bool:
        found[:] = all_topics.read(topics.ENRICHED_ENGAGEMENT)
        return len({entry.causation_id for entry in found}) >= len(ids)

    until(complete, f"{len(ids)} events are enriched (now {len(found)})", SETTLE_S)
    return found


def check(all_topics: Topics, ids: list[str]) -> None:
    enriched = settled(all_topics, ids)
    assert amiss(ids, times(entry.causation_id for entry in enriched)) == ""
    by_user: dict[str, list[int]] = defaultdict(list)
    for entry in enriched:
        by_user[entry.user_id].append(entry.quantity)
    assert all(numbers == sorted(numbers) for numbers in by_user.values())
    assert {entry.partner_id for entry in enriched} == {f"P{n}" for n in range(SKUS)}
    assert all_topics.messages(topics.DEAD_LETTER_STREAMS.name) == []
    partials = all_topics.read(topics.ENGAGEMENT_PARTIALS)
    assert sum(sum(partial.counts.values()) for partial in partials) == len(ids)


def progressed(all_topics: Topics, share: float) -> None:
    """Waits until about this share of the output is there, committed or not."""
    name = topics.ENRICHED_ENGAGEMENT.name
    until(lambda: all_topics.count(name) >= share * EVENTS, f"{share:.0%} are written", SETTLE_S)


def test_killed_again_and_again_it_loses_and_repeats_nothing(
    world: tuple[KafkaSettings, Topics], tmp_path: Path, seed: int
) -> None:
    settings, all_topics = world
    rng = random.Random(seed)
    shares = sorted(rng.uniform(0.02, 0.7) for _ in range(3))
    print(f"seed {seed}: killed at {', '.join(f'{share:.0%}' for share in shares)} of the output")
    ids = begin(world, seed)
    role = Role("streams", tmp_path, environ(settings))
    with running(role):
        for share in shares:
            progressed(all_topics, share)
            role.kill()
            role.start()
        check(all_topics, ids)


def test_two_workers_of_which_one_freezes_past_its_session_lose_and_repeat_nothing(
    world: tuple[KafkaSettings, Topics], tmp_path: Path, seed: int
) -> None:
    settings, all_topics = world
    rng = random.Random(f"zombie-{seed}")
    frozen_at, woken_at = rng.uniform(0.02, 0.3), rng.uniform(0.4, 0.8)
    print(f"seed {seed}: frozen at {frozen_at:.0%}, woken at {woken_at:.0%} of the output")
    ids = begin(world, seed)
    zombie = Role("streams", tmp_path, environ(settings, slot=0))
    other = Role("streams", tmp_path / "other", environ(settings, slot=1))
    (tmp_path / "other").mkdir()
    with running(zombie):
        progressed(all_topics, frozen_at)
        zombie.signal(signal.SIGSTOP)
        other.start()
        progressed(all_topics, woken_at)
        zombie.signal(signal.SIGCONT)
        check(all_topics, ids)
        other.stop()


def test_a_broker_that_restarts_under_load_costs_nothing(
    world: tuple[KafkaSettings, Topics], own_kafka: RunningBroker, tmp_path: Path, seed: int
) -> None:
    settings, all_topics = world
    at = random.Random(f"broker-{seed}").uniform(0.05, 0.6)
    print(f"seed {seed}: the broker is killed at {at:.0%} of the output")
    ids = begin(world, seed)
    role = Role("streams", tmp_path, environ(settings))
    with running(role):
        progressed(all_topics, at)
        own_kafka.kill()
        own_kafka.restart()
        check(all_topics, ids)
