"""A batch of one topic as a task takes it in: readable messages whose events were not seen before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import methodcaller
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gridwire.arrow import ColumnCodec
from gridwire.codec import Codec, CodecError, TopicCodec
from gridwire.records import Record
from gridwire.topics import Topic
from gridwire.varint import UnfitError
from streams.engine.message import Message
from streams.engine.outbox import Dead, Outbox
from streams.engine.plan import Plan
from streams.engine.seen import Seen
from streams.engine.uuids import compacted
from streams.flow import Columns

VALUE = methodcaller("value")


@dataclass(slots=True, eq=False)
class Incoming:
    """`columns`: the same messages as columns, row by row, where a leg wants them so and all could be read so."""

    codec: TopicCodec[Any]
    messages: Sequence[Message]
    columns: pa.RecordBatch | None = None
    _pairs: list[tuple[Message, Record]] | None = None

    @property
    def pairs(self) -> list[tuple[Message, Record]]:
        """Each message with its record; decoded when first asked for."""
        if self._pairs is None:
            decode = self.codec.decode
            self._pairs = [(message, decode(message.value())) for message in self.messages]
        return self._pairs


@dataclass(frozen=True, slots=True, eq=False)
class Intake:
    """Reads messages, by columns where a leg of the plan works on them; drops redeliveries."""

    codec: Codec
    seen: Mapping[str, Seen]
    by_columns: Mapping[str, ColumnCodec] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan, codec: Codec, seen: Mapping[str, Seen]) -> "Intake":
        legs = [bound.leg for bound in plan.legs if isinstance(bound.leg, Columns)]
        topics = {leg.reads for leg in legs if leg.batches is not None}
        return cls(codec, seen, {topic.name: ColumnCodec(codec.of(topic)) for topic in topics})

    def take(self, topic: Topic[Any], messages: Sequence[Message], outbox: Outbox) -> Incoming:
        """What is readable and new; the rest is handed over as dead letters, or counted as duplicates."""
        found = self._take_columns(topic, messages, outbox)
        return found or self._take_rows(topic, messages, outbox)

    def _take_columns(
        self, topic: Topic[Any], messages: Sequence[Message], outbox: Outbox
    ) -> Incoming | None:
        """None where some message is out of the ordinary: records tell which."""
        columns = self.by_columns.get(topic.name)
        if columns is None:
            return None
        try:
            batch = columns.decode(list(map(VALUE, messages)))
        except (UnfitError, CodecError):
            return None
        seen, event_ids = self.seen.get(topic.name), batch.column("event_id")
        if seen is not None and pc.any(pc.equal(event_ids, "")).as_py():
            return None
        new = seen.first_times(compacted(event_ids)) if seen is not None else None
        if new is not None and not all(new):
            outbox.counts.add("", topic.name, "duplicate", count=new.count(False))
            messages, batch = list(compress(messages, new)), batch.filter(pa.array(new))
        return Incoming(self.codec.of(topic), messages, batch)

    def _take_rows(
        self, topic: Topic[Any], messages: Sequence[Message], outbox: Outbox
    ) -> Incoming:
        codec, seen = self.codec.of(topic), self.seen.get(topic.name)
        pairs: list[tuple[Message, Record]] = []
        for message in messages:
            try:
                record = codec.decode(message.value())
            except CodecError as error:
                outbox.dead.append(Dead(message, "", "", error.reason, type(error).__name__))
                continue
            if seen is not None and not record.event_id:  # all of these would be one event
                outbox.dead.append(Dead(message, "", "", "no event id", "ValueError"))
                continue
            if seen is not None and not seen.first_time(record.event_id):
                outbox.counts.add("", topic.name, "duplicate")
                continue
            pairs.append((message, record))
        return Incoming(codec, [message for message, _ in pairs], None, pairs)
