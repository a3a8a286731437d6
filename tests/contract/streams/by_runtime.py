"""The contract's cases by the real runtime on a real Kafka: one worker for all of them, a clock that tests move."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from gridwire import dead_letters, kafka
from gridwire.codec import Codec, Registry
from gridwire.ids import derived, trace_of
from gridwire.records import Record
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_STREAMS, Topic
from streams.engine.parking import Parked
from streams.engine.plan import PARKED_STORE, plan, table_store
from streams.flow import Flow, Table
from streams.runtime.rounds import changelog
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import selected
from tests.contract.streams.worker import Clock, Worker
from tests.contract.streams.world import Damage, Letter, Raw
from tests.roles import free_port
from tests.waiting import until

R = TypeVar("R", bound=Record)
Row = TypeVar("Row", bound=Record)

PARTITIONS = 2
BYTES_MAX = 20_000_000  # so that records may be written that are larger than what we write
# What brokers of other versions, or other settings, let in.
ANYTHING_GOES = {
    "max.message.bytes": str(BYTES_MAX),
    "message.timestamp.after.max.ms": str((1 << 63) - 1),
}
SETTLE_S_MAX = 120.0
READ_S_MAX = 120.0
ENDS = {
    "in": "gridwire_flow_records_in_total",
    "processed": "gridwire_flow_records_processed_total",
    "kept": "gridwire_flow_records_kept_total",
    "filtered": "gridwire_flow_records_filtered_total",
    "dead": "gridwire_flow_records_dead_total",
    "timers": "gridwire_flow_timers_total",
}


class Reader:
    """Topics read bit by bit, read-committed, up to where they end at the time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._at: dict[tuple[str, int], int] = {}
        self._found: dict[str, list[Any]] = defaultdict(list)
        self._counts = kafka.partition_counts(settings)
        self._reader = kafka.reader(settings)
        # A commit is answered before its markers are written: until then the committed end lies before its records.
        self._asking = kafka.reader(settings, "read_uncommitted")

    def close(self) -> None:
        self._reader.close()
        self._asking.close()

    def messages(self, *names: str) -> list[Any]:
        """Every message so far, in order per partition."""
        if not self._counts.keys() >= set(names):
            self._counts = kafka.partition_counts(self._settings)
        partitions = [(name, p) for name in names for p in range(self._counts[name])]
        ends = {tp: self._end(tp) for tp in partitions}
        behind = [tp for tp in partitions if self._at.get(tp, 0) < ends[tp]]
        if behind:
            self._catch_up(behind, ends)
        return [message for name in names for message in self._found[name]]

    def _end(self, tp: tuple[str, int]) -> int:
        return int(self._asking.get_watermark_offsets(TopicPartition(*tp), timeout=READ_S_MAX)[1])

    def _catch_up(
        self, behind: Sequence[tuple[str, int]], ends: Mapping[tuple[str, int], int]
    ) -> None:
        assigned = [TopicPartition(*tp, self._at.get(tp, 0)) for tp in behind]
        self._reader.assign(assigned)

        def at_end() -> bool:
            for message in self._reader.consume(10_000, 0.05):
                if message.error() is None:
                    self._found[message.topic() or ""].append(message)
            places = self._reader.position(assigned)
            self._at |= {(p.topic, p.partition): p.offset for p in places if p.offset >= 0}
            return all(self._at.get(tp, 0) >= ends[tp] for tp in behind)

        until(at_end, f"{behind} are read to their ends", READ_S_MAX)


class Runtime:
    """One worker, and clients beside it, for any number of cases."""

    def __init__(
        self,
        settings: KafkaSettings,
        streams: StreamsSettings,
        flows: tuple[Flow[Any], ...],
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.settings, self.group = settings, streams.worker_group
        self._flows = flows
        self.registry = Registry(settings.registry_url)
        self.codec = Codec(self.registry)
        self.plan = plan(selected(flows, streams.flows), shared_streams=False)
        self.inner = [name for name in self.plan.by_topic if not name.startswith("source.")]
        self._sent: dict[tuple[str, int], int] = {}
        self._followed: Counter[str] = Counter()  # messages of topics within, by topic
        _create(settings, plan(flows), self.group)
        self.reader = Reader(settings)
        self._producer = kafka.producer(settings, message_max_bytes=BYTES_MAX)
        self.worker = Worker(settings, streams, flows, self.clock)
        self.worker.start()
        self.runs = itertools.count(1)

    def close(self) -> None:
        self.reader.close()
        self.registry.close()
        self.worker.stop()

    @contextmanager
    def another_group(self, group: str, flows: tuple[str, ...]) -> "Iterator[Runtime]":
        """A second worker by the same clock, in a group of its own that runs only these flows."""
        settings = msgspec.structs.replace(self.settings, ops_port=free_port())
        streams = msgspec.structs.replace(self.worker.streams, worker_group=group, flows=flows)
        other = Runtime(settings, streams, self._flows, self.clock)
        try:
            yield other
        finally:
            other.close()

    @contextmanager
    def limited(self, topic: str, bytes_max: int) -> Iterator[None]:
        """The broker takes no message for the topic that is larger, while the worker runs."""
        self._limit(topic, str(bytes_max))
        try:
            yield
        finally:
            self._limit(topic, None)

    def _limit(self, topic: str, bytes_max: str | None) -> None:
        how = AlterConfigOpType.DELETE if bytes_max is None else AlterConfigOpType.SET
        entry = ConfigEntry("max.message.bytes", bytes_max, incremental_operation=how)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient(kafka.client_config(self.settings))
        for future in admin.incremental_alter_configs([resource]).values():
            future.result(READ_S_MAX)

    def produce(self, topic: str, messages: Sequence[Raw]) -> list[tuple[int, int]]:
        """Writes messages; returns their (partition, offset)."""
        places: list[tuple[int, int]] = []

        def on_delivery(error: Any, message: Any) -> None:
            assert error is None, error
            places.append((message.partition(), message.offset()))

        for one in messages:
            at_ms = self.clock.now_ms if one.timestamp_ms is None else one.timestamp_ms
            self._producer.produce(
                topic,
                one.value,
                one.key,
                timestamp=at_ms,
                headers=list(one.headers),
                on_delivery=on_delivery,
            )
        assert self._producer.flush(READ_S_MAX) == 0
        return places

    def expect(self, topic: str, places: Sequence[tuple[int, int]]) -> None:
        """The worker is to come past these before it counts as idle."""
        for partition, offset in places:
            tp = (topic, partition)
            self._sent[tp] = max(self._sent.get(tp, 0), offset + 1)

    def settle(self) -> None:
        """Waits until nothing follows any more, from what the worker itself wrote neither."""
        before = -1
        while before != (before := sum(self._sent.values())):
            until(lambda: self.worker.idle(self._sent), "the worker is idle", SETTLE_S_MAX)
            for name in self.inner:
                found = self.reader.messages(name)
                new, self._followed[name] = found[self._followed[name] :], len(found)
                self.expect(name, [(message.partition(), message.offset()) for message in new])

    def restart(self, damage: Damage | None = None) -> None:
        """Everything sent is committed by now; of that a new worker need not tell."""
        self.worker.stop()
        self._sent.clear()
        for store, rows in (damage or {}).items():
            self.produce(
                changelog(self.group, store), [Raw(value, key) for key, value in rows.items()]
            )
        self.worker.start()
        self.settle()

    def has_row(self, table: Table[Any], key: str, version: int) -> bool:
        """The worker's full copy holds the row, in this version or a newer one."""

        def held(context: Any) -> bool:
            row = context.rounds.references.by_name[table.name].get(key)
            return row is not None and row.version >= version

        return self.worker.ask(held)


def _create(settings: KafkaSettings, of: Any, group: str) -> None:
    """The suite's topics and changelogs, and where dead letters go."""
    written = {topic.name: topic for bound in of.legs for topic in bound.leg.writes}
    copies = {table.copy_of.name: table.copy_of for table in of.references}
    declared = {**of.topics, **written, **copies, DEAD_LETTER_STREAMS.name: DEAD_LETTER_STREAMS}
    wanted: list[NewTopic] = [kafka.new_topic(settings, topic) for topic in declared.values()]
    wanted += [kafka.changelog_topic(settings, changelog(group, store)) for store in of.stores]
    present = kafka.partition_counts(settings)
    missing = [topic for topic in wanted if topic.topic not in present]
    for topic in missing:
        if topic.topic.startswith("source.") and topic.config is not None:
            topic.config |= ANYTHING_GOES
    admin = AdminClient(kafka.client_config(settings))
    made = admin.create_topics(missing, operation_timeout=READ_S_MAX) if missing else {}
    for future in made.values():
        future.result()


class RuntimeWorld:
    """One case on the shared runtime: its keys begin with a text of its own, and only these are seen."""

    def __init__(self, runtime: Runtime, *, restarts: bool) -> None:
        self._runtime = runtime
        self._restarts = restarts
        # Its topics may be there from an earlier worker of the suite, with all that is in them.
        self._prefix = f"{runtime.settings.group_prefix}-{next(runtime.runs)}-"
        self._ids = itertools.count(1)
        self._places: set[tuple[str, int, int]] = set()
        self._began: dict[str, Counter[str]] = {}
        self._counted = _figures()

    @property
    def now_ms(self) -> int:
        return self._runtime.clock.now_ms

    def name(self, text: str) -> str:
        return self._prefix + text

    # -- in ---------------------------------------------------------------------------------------------
    def encoded(self, topic: Topic[R], record: R) -> bytes:
        return self._runtime.codec.of(topic).encode(self._ready(record))

    def registered(self, schema: str) -> int:
        return self._runtime.registry.register(f"another.{self._prefix}{next(self._ids)}", schema)

    def _ready(self, record: R) -> R:
        event_id = record.event_id or derived("contract", self._prefix, next(self._ids))
        return msgspec.structs.replace(
            record,
            event_id=event_id,
            occurred_at=record.occurred_at or self.now_ms,
            produced_at=record.produced_at or self.now_ms,
            trace_id=record.trace_id or trace_of(event_id),
        )

    def send(self, topic: Topic[R], *records: R) -> None:
        ready = [self._ready(record) for record in records]
        codec = self._runtime.codec.of(topic)
        self.send_raw(topic, *(Raw(codec.encode(one), topic.key(one)) for one in ready))

    def send_raw(self, topic: Topic[Any], *messages: Raw) -> None:
        places = self._runtime.produce(topic.name, messages)
        self._places |= {(topic.name, partition, offset) for partition, offset in places}
        self._runtime.expect(topic.name, places)
        self._runtime.settle()

    def row(self, table: Table[Row], row: Row) -> None:
        assert table.copy_of is not None
        ready, runtime = self._ready(row), self._runtime
        value = runtime.codec.of(table.copy_of).encode(ready)
        runtime.produce(table.copy_of.name, [Raw(value, table.key(ready))])
        key, version = table.key(ready), ready.version
        until(lambda: runtime.has_row(table, key, version), "the row is there", SETTLE_S_MAX)
        runtime.settle()

    def advance(self, *, minutes: float) -> None:
        self._runtime.clock.now_ms += round(minutes * 60_000)
        self._runtime.settle()

    def interlude(self) -> None:
        """A worker takes its time: once a case will do."""
        if self._restarts:
            self._restarts = False
            self.restart()

    def restart(self, damage: Damage | None = None) -> None:
        self._runtime.restart(damage)

    # -- out --------------------------------------------------------------------------------------------
    @property
    def places(self) -> frozenset[tuple[str, int, int]]:
        """Topic, partition and offset of all that this case sent."""
        return frozenset(self._places)

    def _mine(self, key: bytes | None) -> bool:
        return key is not None and key.startswith(self._prefix.encode())

    def out(self, topic: Topic[R]) -> list[R]:
        codec = self._runtime.codec.of(topic)
        messages = self._runtime.reader.messages(topic.name)
        return [codec.decode(m.value()) for m in messages if self._mine(m.key())]

    def dead(self) -> list[Letter]:
        parts: dict[tuple[Any, ...], Letter] = {}
        for message in self._runtime.reader.messages(DEAD_LETTER_STREAMS.name):
            kept = message.headers() or ()
            head = {name: (value or b"").decode(errors="replace") for name, value in kept}
            place = (
                head[dead_letters.TOPIC],
                int(head[dead_letters.PARTITION]),
                int(head[dead_letters.OFFSET]),
            )
            if place not in self._places and not self._mine(message.key()):
                continue
            at = (*place, message.key(), head[dead_letters.FLOW])
            value, before = message.value(), parts.get(at)
            if before is not None and dead_letters.PART in head:
                value = (before.value or b"") + value
            parts[at] = Letter(
                place[0], message.key(), value, head[dead_letters.REASON], head[dead_letters.FLOW]
            )
        return list(parts.values())

    def ends(self, flow: str, leg: str) -> Counter[str]:
        found = _figures()
        return Counter(
            {what: found[flow, leg, what] - self._counted[flow, leg, what] for what in ENDS}
        )

    def table(self, table: Table[Row], group: str = "") -> Mapping[str, Row]:
        """`group`: of another worker than ours."""
        topic, group = table.copy_of, group or self._runtime.group
        name = topic.name if topic else changelog(group, table_store(table))
        codec = self._runtime.codec.of(table.changelog)
        rows: dict[str, Row] = {}
        for message in self._runtime.reader.messages(name):
            key = message.key().decode()
            rows.pop(key, None)
            if self._mine(message.key()) and message.value() is not None:
                rows[key] = codec.decode(message.value())
        return rows

    def parked(self) -> int:
        held: dict[tuple[int, bytes], bytes | None] = {}
        name = changelog(self._runtime.group, PARKED_STORE)
        for message in self._runtime.reader.messages(name):
            held[message.partition(), message.key()] = message.value()
        decode = msgspec.msgpack.Decoder(Parked).decode
        entries = [decode(value) for value in held.values() if value is not None]
        return sum((one.topic, one.partition, one.offset) in self._places for one in entries)


def _figures() -> Counter[tuple[str, str, str]]:
    """What the worker's metrics count, by (flow, leg, what)."""
    whats = {name: what for what, name in ENDS.items()}
    found: Counter[tuple[str, str, str]] = Counter()
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name in whats:
                place = (sample.labels["flow"], sample.labels["leg"], whats[sample.name])
                found[place] += round(sample.value)
    return found
