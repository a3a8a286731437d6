"""Ledgers read back from a real Kafka: windows, bounds, what is aborted, what is still open, what is not ours."""

import threading
import time
import uuid
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from connectors.kit.lanes.effects import Effects, Memory, id_of, packed
from connectors.kit.lanes.ledger import (
    WINDOW_OFFSETS,
    CancelledError,
    LedgerError,
    LedgerReader,
    Ledgers,
)
from connectors.kit.lanes.progress import Progress
from connectors.kit.lanes.work import Assigned
from gridwire import kafka as clients
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from tests.waiting import until

DAY_MS = 86_400_000
PARTITIONS = 3
IDS = [id_of(f"c-{n}") for n in range(3 * WINDOW_OFFSETS)]


class Books:
    """A command topic and its ledger, of one test."""

    def __init__(self, bootstrap: str, partitions: int | None = PARTITIONS) -> None:
        name = f"t{uuid.uuid4().hex[:8]}"
        self.commands, self.ledger = f"command.{name}", f"ledger.{name}"
        self.settings = KafkaSettings(bootstrap=bootstrap, registry_url="", group_prefix=name)
        wanted = [NewTopic(self.commands, PARTITIONS, 1)]
        wanted += [NewTopic(self.ledger, partitions, 1)] if partitions else []
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for created in admin.create_topics(wanted).values():
            created.result(30)

    def producer(self, transactional_id: str | None = None) -> Producer:
        return clients.producer(self.settings, transactional_id=transactional_id)

    def write(
        self, ids: Sequence[bytes], *, each: int = 1, partition: int = 0, at_ms: int = 0
    ) -> None:
        producer = self.producer()
        for start in range(0, len(ids), each):
            value = packed(ids[start : start + each])
            at = at_ms or time.time_ns() // 1_000_000
            producer.produce(self.ledger, value, partition=partition, timestamp=at)
            producer.poll(0)
        assert producer.flush(60) == 0

    def reader(self, ids_max: int = 100_000, age_ms_max: int = DAY_MS) -> LedgerReader:
        memory = Memory(age_ms_max, ids_max)
        return LedgerReader(self.settings, self.commands, self.ledger, memory)

    def read(self, reader: LedgerReader | None = None, partition: int = 0) -> Effects:
        reader = reader or self.reader()
        (place,) = reader.places([partition], threading.Event())
        return reader.read(place, threading.Event())


@pytest.fixture
def books(kafka: RunningBroker) -> Books:
    return Books(kafka.broker.bootstrap)


def test_an_empty_ledger_knows_nothing(books: Books) -> None:
    assert len(books.read()) == 0


def test_all_ids_are_read_over_several_windows_and_of_the_asked_partition_alone(
    books: Books,
) -> None:
    books.write(IDS, each=1)
    books.write([id_of("other")], partition=1)
    found = books.read()
    assert len(found) == len(IDS)
    assert all(one in found for one in IDS)
    assert id_of("other") not in found


def test_no_more_than_the_bound_is_kept_and_the_latest_of_all(books: Books) -> None:
    books.write(IDS, each=50)
    found = books.read(books.reader(ids_max=1_000))
    assert len(found) <= 1_000
    assert IDS[-1] in found
    assert IDS[0] not in found


def test_what_is_too_old_does_not_count(books: Books) -> None:
    now_ms = time.time_ns() // 1_000_000
    books.write(IDS[:10], at_ms=now_ms - DAY_MS // 2)
    books.write(IDS[10:20], at_ms=now_ms)
    found = books.read(books.reader(age_ms_max=DAY_MS // 4))
    assert [one in found for one in IDS[:20]] == [False] * 10 + [True] * 10


def test_messages_that_are_not_ours_are_left_out(books: Books) -> None:
    producer = books.producer()
    for value in (b"{}", None, b"\x02" + IDS[0]):
        producer.produce(books.ledger, value, partition=0)
    assert producer.flush(30) == 0
    books.write(IDS[:1])
    found = books.read()
    assert (len(found), IDS[0] in found) == (1, True)


def test_what_was_aborted_had_no_effect_and_an_open_transaction_is_waited_for(books: Books) -> None:
    producer = books.producer(f"{books.ledger}.tx")
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(books.ledger, packed(IDS[:1]), partition=0)
    producer.flush(30)
    producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(books.ledger, packed(IDS[1:2]), partition=0)
    assert producer.flush(30) == 0
    found: list[Effects] = []
    reading = threading.Thread(target=lambda: found.append(books.read()))
    reading.start()
    reading.join(1.0)  # long enough to read all that there is
    assert found == []
    producer.commit_transaction(30)
    reading.join(30)
    assert [one in found[0] for one in IDS[:2]] == [False, True]


def test_whoever_cancels_need_not_wait_for_an_open_transaction(books: Books) -> None:
    producer = books.producer(f"{books.ledger}.tx")
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(books.ledger, packed(IDS[:1]), partition=0)
    assert producer.flush(30) == 0
    reader, cancelled = books.reader(), threading.Event()
    (place,) = reader.places([0], cancelled)
    cancelled.set()
    with pytest.raises(CancelledError):
        reader.read(place, cancelled)
    producer.abort_transaction(30)


def test_a_ledger_that_is_not_there_is_created_with_the_partitions_of_its_commands(
    kafka: RunningBroker,
) -> None:
    books = Books(kafka.broker.bootstrap, partitions=None)
    assert len(books.read(partition=PARTITIONS - 1)) == 0
    assert clients.partition_counts(books.settings)[books.ledger] == PARTITIONS


def test_a_ledger_with_fewer_partitions_than_its_commands_names_the_fix(
    kafka: RunningBroker,
) -> None:
    books = Books(kafka.broker.bootstrap, partitions=1)
    with pytest.raises(LedgerError, match=r"has 1 partitions and .* 3: give both the same number"):
        books.read()


def test_partitions_are_ready_once_their_ledgers_are_read_and_those_that_leave_are_forgotten(
    books: Books,
) -> None:
    books.write(IDS[:3], partition=2)
    homes = [Assigned(books.commands, n, Progress(0)) for n in range(PARTITIONS)]
    ledgers, ready = Ledgers(books.reader(), "sink.acme"), list[Assigned]()
    ledgers.begin(homes)
    problems = [ledgers.problem]
    ledgers.abandon(homes[:1])

    def all_ready() -> bool:
        ready.extend(ledgers.ready())
        return len(ready) == 2

    until(all_ready, "two partitions are ready")
    ledgers.close()
    problems.append(ledgers.problem)
    assert [problem is None for problem in problems] == [False, True]
    assert [one.partition for one in ready] == [1, 2]
    assert homes[0].effects is None
    assert [len(one.effects) for one in ready if one.effects is not None] == [0, 3]
