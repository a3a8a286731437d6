"""Checkpoints and the pollers' group against a real Kafka: zombies, crashes, shares."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from connectors.kit.base.clock import SYSTEM
from connectors.kit.output.commits import ProducerBrokenError, TransactionalCommitter
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.reads.checkpoints import Checkpoints
from connectors.kit.reads.known import TopicHeld
from connectors.kit.reads.membership import Membership
from connectors.kit.reads.pages import digest
from gridwire import kafka as clients
from gridwire.codec import Codec
from gridwire.records import Notice, Partner
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS, TRADING_GRID_NOTICES, TRADING_GRID_PARTNERS
from sandbox import kafka as local_kafka
from tests.roles import Topics
from tests.waiting import until


@pytest.fixture
def topics(kafka: local_kafka.RunningBroker, registry: str) -> Iterator[Topics]:
    settings = KafkaSettings(
        bootstrap=kafka.broker.bootstrap,
        registry_url=registry,
        group_prefix=f"t{uuid.uuid4().hex[:8]}",
        session_timeout_ms=6_000,
    )
    clients.create_topics(settings, [])
    one = Topics(settings)
    yield one
    one.close()


class Resource:
    """One polled resource of a test, and pollers of it."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.name = f"r{uuid.uuid4().hex[:8]}"
        self.messages = Messages(topics.codec, SYSTEM)

    def poller(self) -> Checkpoints:
        codec = Codec(self.topics.codec.registry)
        return Checkpoints(self.topics.settings, codec, "acme", self.name)

    async def page(self, store: Checkpoints, number: int) -> list[Output]:
        """The page's record, and the checkpoint after it."""
        partner = Partner(
            event_id=f"{self.name}-{number}",
            partner_id=self.name,
            partner_code="c",
            name=str(number),
            status="active",
        )
        checkpoint = self.messages.stamped(
            store.record(str(number), 1), source="acme/poll", seed=str(number)
        )
        return [
            await self.messages.write(TRADING_GRID_PARTNERS, partner),
            await self.messages.write(CHECKPOINTS, checkpoint),
        ]

    def records(self) -> list[str]:
        found = self.topics.read(TRADING_GRID_PARTNERS)
        return [one.name for one in found if one.partner_id == self.name]


async def test_a_successor_goes_on_where_the_last_commit_was(topics: Topics) -> None:
    resource = Resource(topics)
    first = resource.poller()
    assert first.open() is None
    for number in (1, 2, 3):
        first.commit(await resource.page(first, number))
    assert resource.poller().open() == "3"
    assert resource.records() == ["1", "2", "3"]


async def test_what_a_poller_left_open_when_it_died_is_undone_and_polled_again(
    topics: Topics,
) -> None:
    resource = Resource(topics)
    first = resource.poller()
    first.open()
    first.commit(await resource.page(first, 1))
    committer = first._committer
    assert isinstance(committer, TransactionalCommitter)
    producer = committer._producer
    assert producer is not None
    producer.begin_transaction()
    for output in await resource.page(first, 2):
        producer.produce(output.topic, output.value, output.key)
    assert producer.flush(30) == 0  # it is in the log, and its transaction is open: here it dies
    second = resource.poller()
    assert second.open() == "1"
    second.commit(await resource.page(second, 2))
    assert resource.records() == ["1", "2"]


async def test_a_zombie_cannot_commit_once_another_polls(topics: Topics) -> None:
    resource = Resource(topics)
    zombie = resource.poller()
    zombie.open()
    zombie.commit(await resource.page(zombie, 1))
    heir = resource.poller()
    assert heir.open() == "1"
    with pytest.raises(ProducerBrokenError):
        zombie.commit(await resource.page(zombie, 2))
    heir.commit(await resource.page(heir, 2))
    assert resource.poller().open() == "2"
    assert resource.records() == ["1", "2"]


async def test_resources_do_not_see_one_anothers_checkpoints(topics: Topics) -> None:
    one, other = Resource(topics), Resource(topics)
    store = one.poller()
    store.open()
    store.commit(await one.page(store, 7))
    assert other.poller().open() is None
    assert one.poller().open() == "7"


class Shares:
    """What a replica was given."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()
        self.count = 0

    async def gained(self, partitions: set[int], count: int) -> None:
        self.partitions |= partitions
        self.count = count

    async def gave_up(self, partitions: set[int]) -> None:
        self.partitions -= partitions


async def test_replicas_share_the_resources_and_the_last_takes_all(topics: Topics) -> None:
    shares = [Shares(), Shares()]
    members = [Membership(topics.settings, one) for one in shares]
    for member in members:
        member.start()

    def split() -> bool:
        first, second = (one.partitions for one in shares)
        return bool(first) and bool(second) and len(first | second) == shares[0].count

    await asyncio.to_thread(until, split, "both have a share")
    assert not shares[0].partitions & shares[1].partitions
    assert [member.ready() for member in members] == [None, None]
    await members[0].stop()
    assert shares[0].partitions == set()
    await asyncio.to_thread(
        until, lambda: len(shares[1].partitions) == shares[1].count, "the other has all"
    )
    await members[1].stop()


async def test_a_checkpoint_that_was_deleted_is_none(topics: Topics) -> None:
    resource = Resource(topics)
    first = resource.poller()
    first.open()
    first.commit(await resource.page(first, 7))
    first.commit([Output(CHECKPOINTS.name, f"acme/{resource.name}", None)])
    assert resource.poller().open() is None


# ---- what webhooks have brought ----------------------------------------------------------------------------------
def notice(name: str) -> Notice:
    return Notice(
        event_id=f"e-{name}",
        occurred_at=SYSTEM.epoch_ms(),
        platform="acme",
        resource="thread",
        resource_id=name,
        key=name,
        event_type="thread.updated",
    )


def test_ids_are_found_on_every_partition_and_those_that_come_later_too(topics: Topics) -> None:
    mark = uuid.uuid4().hex[:8]
    began_ms = SYSTEM.epoch_ms()
    known = TopicHeld(topics.settings, topics.codec, TRADING_GRID_NOTICES)
    names = [f"{mark}-{number}" for number in range(40)]
    wanted = {f"e-{name}" for name in names}
    assert known.among(wanted, began_ms) == set()
    topics.write(TRADING_GRID_NOTICES, [notice(name) for name in names[:30]])
    assert known.among(wanted, began_ms) == {f"e-{name}" for name in names[:30]}
    topics.write(TRADING_GRID_NOTICES, [notice(name) for name in names[30:]])
    assert known.among(wanted, began_ms) == wanted
    later = TopicHeld(topics.settings, topics.codec, TRADING_GRID_NOTICES)
    assert later.among({"e-nobody"}, began_ms) == set()
    assert later.among(wanted, began_ms) == wanted


async def test_ids_of_a_transaction_count_once_it_is_committed(topics: Topics) -> None:
    resource, name = Resource(topics), uuid.uuid4().hex
    known = TopicHeld(topics.settings, topics.codec, TRADING_GRID_NOTICES)
    since_ms = SYSTEM.epoch_ms()
    producer = clients.producer(topics.settings, transactional_id=f"test-{name}")
    producer.init_transactions(30)
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        output = await resource.messages.write(TRADING_GRID_NOTICES, notice(name))
        producer.produce(output.topic, output.value, output.key)
        assert producer.flush(30) == 0
        assert known.among({f"e-{name}"}, since_ms) == set()
        end(30)
    assert known.among({f"e-{name}"}, since_ms) == {f"e-{name}"}


def test_states_are_those_of_the_newest_versions_and_not_of_the_last_messages(
    topics: Topics,
) -> None:
    mark, since_ms = uuid.uuid4().hex[:8], SYSTEM.epoch_ms()

    def partner(name: str, version: int) -> Partner:
        return Partner(
            event_id=f"{name}-{version}",
            version=version,
            partner_id=mark,
            partner_code="",
            name=name,
            status="active",
        )

    known = TopicHeld(topics.settings, topics.codec, TRADING_GRID_PARTNERS, states=True)
    topics.write(TRADING_GRID_PARTNERS, [partner("new", 7), partner("old", 3)])
    assert known.states({mark, "nobody"}, since_ms) == {mark: digest(partner("new", 99))}
    topics.write(TRADING_GRID_PARTNERS, [partner("newer", 7)])
    assert known.states({mark}, since_ms) == {mark: digest(partner("newer", 7))}
