"""Runs flows over lists, with a fake clock and no broker: what TopologyTestDriver is to Kafka Streams.

The engine, codec and schemas are the real ones; only Kafka is left out. Records go in by topic, outputs are read by
topic; outputs that other legs of the driven flows read are passed on to them. One partition holds all state; what would
not be found with several partitions is an error all the same (see `streams.placement`).
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from gridwire.codec import Codec, CodecError, Registry, foreign
from gridwire.headers import headers_of
from gridwire.ids import derived, trace_of
from gridwire.records import Record
from gridwire.replays import Replay, replay_in
from gridwire.topics import Topic
from streams.engine.counts import CountKey
from streams.engine.message import LocalMessage
from streams.engine.outbox import Dead
from streams.engine.plan import Plan, plan
from streams.engine.references import References
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.flow import Flow, Table
from streams.placement import Placement, placed
from streams.raised import ColumnsMode, Raised, WatchedRunner
from streams.topology import reads_of

R = TypeVar("R", bound=Record)
Row = TypeVar("Row", bound=Record)
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOPS_MAX = (
    10_000  # outputs passed on by one call: a loop of flows is a mistake, not a test that hangs
)


class LocalRegistry(Registry):
    """Schema ids in memory."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._known: dict[str, int] = {}
        self._parsed: dict[int, Any] = {}

    def id_of(self, subject: str, schema: str) -> int:  # noqa: ARG002 -- ids are per schema here
        if schema not in self._known:
            self._texts.append(schema)
            self._known[schema] = len(self._texts)
        return self._known[schema]

    def schema(self, schema_id: int) -> Any:
        if not 1 <= schema_id <= len(self._texts):
            raise CodecError("unknown schema id", str(schema_id))
        if schema_id not in self._parsed:
            self._parsed[schema_id] = foreign(self._texts[schema_id - 1])
        return self._parsed[schema_id]


class Driver:
    """Drives `flows` (feeds and flows). `settings`: by flow id. Times are epoch milliseconds.

    `shared_streams`: as a worker group has it that is not the default one, where False (see `streams.engine.plan`).
    `columns`: "strict" raises DriverError where the Arrow columns of a leg fail on records that its `rows` can do;
    "arrow" lets `rows` step in, as a worker does; "rows" uses these alone. What legs raise is logged, and in `errors`.
    """

    def __init__(
        self,
        *flows: Flow[Any],
        settings: Mapping[str, msgspec.Struct] | None = None,
        start_ms: int = START_MS,
        limits: Limits | None = None,
        shared_streams: bool = True,
        columns: ColumnsMode = "strict",
    ) -> None:
        self.now_ms = start_ms
        self.counts: Counter[CountKey] = Counter()
        self.dead_letters: list[Dead] = []
        self.errors: list[Raised] = []
        arrow = columns != "rows"
        self._plan = plan(flows, settings, shared_streams=shared_streams, arrow=arrow)
        self._strict = columns == "strict"
        self._topics = _topics_of(self._plan)
        self._codec = Codec(LocalRegistry())
        self._references = References(self._plan.references, self._codec)
        self._limits = limits or Limits()
        self._placement = Placement()
        self._task = self._new_task()
        self._changelog: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._outputs: dict[str, list[Any]] = defaultdict(list)
        self._offsets: Counter[str] = Counter()

    def _new_task(self) -> Task:
        parts = (self._plan, 0, self._codec, self._references, self._limits)
        watched = partial(WatchedRunner, self.errors.append, self._placement, strict=self._strict)
        return Task(*parts, runner=watched)

    # -- in ---------------------------------------------------------------------------------------------
    def row(self, table: Table[Row], row: Row) -> None:
        """Puts a row into a table and releases what waited for it."""
        stamped = self._ready(row, f"row/{table.name}")
        key, raw = table.key(stamped), self._codec.of(table.changelog).encode(stamped)
        if table.copy_of is not None:
            if table.name not in self._references.by_name:
                raise ValueError(f"no driven flow looks up {table.name}")
            self._references[table].apply(key, raw)
        else:
            self._task.state.tables[table.name].put(key, stamped, raw)
        placed(self._placement, table, key)
        self._task.row_arrived(table.name, key, self.now_ms)
        self._round_ends()

    def send(self, topic: Topic[R], *records: R) -> None:
        """Publishes records as one batch. Header fields that are empty are filled in."""
        ready = [self._ready(record, topic.name) for record in records]
        self.send_raw(topic, *((topic.key(r), self._codec.of(topic).encode(r)) for r in ready))

    def send_raw(
        self, topic: Topic[Any], *messages: tuple[str | bytes | None, bytes | None]
    ) -> None:
        """Publishes (key, value) pairs as they are, readable or not."""
        if topic.name not in self._plan.by_topic:
            raise ValueError(f"no driven flow reads {topic.name}")
        self._task.process(
            topic, [self._message(topic, key, raw) for key, raw in messages], self.now_ms
        )
        self._round_ends()

    def replay(self, dead: Dead, letter: str) -> None:
        """Brings a dead letter back as `gridwire dead-letters replay` does; `letter`: its id."""
        again, message = replay_of(dead, letter), dead.message
        name, raw = message.topic() or "", message.value()
        if again.timer is not None:
            [bound] = [leg for leg in self._plan.legs if leg.label == again.leg]
            name, raw = reads_of(bound.leg)[0].name, None
        topic = self._plan.topics[name]
        found = self._message(topic, message.key(), raw, again.headers())
        self._task.process(topic, [found], self.now_ms)
        self._round_ends()

    def _ready(self, record: R, where: str) -> R:
        """`record` with an id, times and a trace, where it has none."""
        self._offsets["ids"] += not record.event_id
        event_id = record.event_id or derived("driver", where, self._offsets["ids"])
        return msgspec.structs.replace(
            record,
            event_id=event_id,
            occurred_at=record.occurred_at or self.now_ms,
            produced_at=record.produced_at or self.now_ms,
            trace_id=record.trace_id or trace_of(event_id),
        )

    def _message(
        self,
        topic: Topic[Any],
        key: str | bytes | None,
        raw: bytes | None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> LocalMessage:
        self._offsets[topic.name] += 1
        key = key.encode() if isinstance(key, str) else key
        return LocalMessage(topic.name, 0, self._offsets[topic.name] - 1, key, raw, [*headers])

    def advance(
        self, *, minutes: float = 0, seconds: float = 0, hours: float = 0, to_ms: int | None = None
    ) -> None:
        """Moves the clock; timers and deadlines fire in order, each at its own time."""
        target = to_ms if to_ms is not None else self.now_ms
        target += round((hours * 3600 + minutes * 60 + seconds) * 1000)
        for _ in range(HOPS_MAX):
            due = self._task.next_due_ms()
            if due is None or due > target:
                break
            self.now_ms = max(self.now_ms, due)
            self._task.tick(self.now_ms)
            self._settle()
        else:
            raise RuntimeError("timers set timers without end")
        self.now_ms = max(self.now_ms, target)

    def restart(self) -> None:
        """Loses memory and restores it from the changelogs, as a worker does; what is due by then follows."""
        self._task = self._new_task()
        for name, rows in self._changelog.items():
            for key, value in rows.items():
                self._task.state.stores[name].restore(key, value)
        self._task.restored()
        self._round_ends()

    # -- out --------------------------------------------------------------------------------------------
    def out(self, topic: Topic[R]) -> list[R]:
        """What was written to a topic so far."""
        return list(self._outputs[topic.name])

    def take(self, topic: Topic[R]) -> list[R]:
        """What was written to a topic since the last take."""
        return self._outputs.pop(topic.name, [])

    def table(self, table: Table[Row]) -> Mapping[str, Row]:
        """All rows of a table."""
        if table.copy_of is not None:
            return self._references[table].rows()
        return self._task.rows(table)

    @property
    def filtered(self) -> Counter[tuple[str, str, str]]:
        """How many records (or timers) ended on purpose, by (flow id, leg, reason)."""
        found: Counter[tuple[str, str, str]] = Counter()
        for (flow, leg, what, why), count in self.counts.items():
            if what in ("filtered", "timer filtered"):
                found[flow, leg, why] += count
        return found

    @property
    def dead(self) -> list[tuple[str, str, str, Record | None]]:
        """Dead letters: (flow id, leg, reason, the record where it can be read)."""
        return [(d.flow, d.leg, d.reason, self._readable(d)) for d in self.dead_letters]

    def _readable(self, dead: Dead) -> Record | None:
        topic = self._topics.get(dead.message.topic() or "")
        try:
            return self._codec.of(topic).decode(dead.message.value()) if topic else None
        except CodecError:
            return None

    @property
    def parked(self) -> int:
        """Records that wait for a row."""
        return self._task.parked

    def _round_ends(self) -> None:
        """Commits; what is due by now follows, as at the end of each of a worker's rounds."""
        self._settle()
        self.advance()

    def _settle(self) -> None:
        """Commits, collects outputs, and passes on what other legs read, in order."""
        queue = deque(self._drain())
        for _ in range(HOPS_MAX):
            if not queue:
                return
            topic, key, raw = queue.popleft()
            self._outputs[topic.name].append(self._codec.of(topic).decode(raw))
            for table in self._plan.references:
                if table.copy_of is topic and self._references[table].apply(key, raw):
                    self._task.row_arrived(table.name, key, self.now_ms)
            if topic.name in self._plan.by_topic:
                self._task.process(topic, [self._message(topic, key, raw)], self.now_ms)
            queue.extend(self._drain())
        raise RuntimeError("flows feed one another without end")

    def _drain(self) -> list[tuple[Topic[Any], str, bytes]]:
        outbox, changed = self._task.drain()
        for name, rows in changed.items():
            for key, value in rows.items():
                if value is None:
                    self._changelog[name].pop(key, None)
                else:
                    self._changelog[name][key] = value
        self._task.commit()
        self.counts.update(outbox.counts.take())
        self.dead_letters.extend(outbox.dead)
        return [
            (self._topics[out.topic], key, value)
            for out in outbox.outs
            for key, value in out.messages()
        ]


def replay_of(dead: Dead, letter: str) -> Replay:
    """What a dead letter says of itself when it comes back."""
    before = replay_in(headers_of(dead.message))
    leg = f"{dead.flow}/{dead.leg}" if dead.flow else ""
    return Replay(letter, leg, attempt=1 + (before.attempt if before else 0), timer=dead.timer)


def _topics_of(plan_: Plan) -> Mapping[str, Topic[Any]]:
    """Every topic that the legs read or write, or that is a table, by name."""
    found = [topic for bound in plan_.legs for topic in bound.leg.writes]
    found += [table.copy_of for table in plan_.references if table.copy_of is not None]
    return {topic.name: topic for topic in (*plan_.topics.values(), *found)}
