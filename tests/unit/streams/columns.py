"""Columns legs run both ways, by Arrow columns and by records, to compare all that a task hands over."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridwire import topics
from gridwire.codec import Codec
from gridwire.records import SCHEMAS, Record
from streams.driver import START_MS, LocalRegistry
from streams.engine.message import LocalMessage
from streams.engine.plan import plan
from streams.engine.references import References
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.flow import Columns, Flow, Table
from tests.unit.any_record import records_of

SAMPLES_FILE = "tests/unit/streams/flows/column_samples.py"
REACH_EXAMPLES = 30  # batches of plausible records, among which each topic must be written
ORDERLY_MIN = 4  # records of a batch in which some must differ
POISON = st.sampled_from((None, b"", b"\0", b"\0\0\0\0\1", b"\0\0\0\xff\xff1", b"no avro at all"))
LIMITS = st.builds(
    Limits,
    output_bytes_max=st.sampled_from((900_000, 420)),
    go_live_ms=st.sampled_from((0, START_MS)),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a columns leg is tried with.

    `plausible`: records that it has something to do for, by columns. `odd`: such with values at which columns may give
    up. `rows`: what is in its tables.
    """

    plausible: st.SearchStrategy[Any]
    odd: st.SearchStrategy[Any]
    rows: tuple[tuple[Table[Any], Record], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ColumnsLeg:
    """A leg with `batches`, alone in its flow."""

    label: str
    flow: Flow[Any]
    leg: Columns


@dataclass(frozen=True, slots=True)
class Said:
    """All that a task hands over. `fallbacks`: how many batches went by records."""

    outs: Mapping[str, Sequence[tuple[str, bytes]]]
    counts: Counter[Any]
    dead: list[Any]
    changes: list[Any]
    fallbacks: int


def columns_legs(flows: Iterable[Flow[Any]]) -> Iterator[ColumnsLeg]:
    """Every leg that has `batches`, with default settings."""
    for flow in flows:
        for leg in flow.default_legs():
            if isinstance(leg, Columns) and leg.batches is not None:
                yield ColumnsLeg(f"{flow.id}/{leg.name}", _alone(flow, leg), leg)


def _alone(flow: Flow[Any], leg: Columns) -> Flow[Any]:
    return replace(flow, legs=lambda _: (leg,))


def batches_of(one: ColumnsLeg, sample: Sample) -> st.SearchStrategy[list[list[Any]]]:
    """A few batches: of plausible records, which go by columns, and of all that may come, which may not."""
    plausible = sample.plausible
    anything = st.one_of(plausible, sample.odd, records_of(one.leg.reads.record), POISON)
    orderly = st.lists(plausible, min_size=ORDERLY_MIN, max_size=8)
    mixed = st.lists(anything, min_size=1, max_size=8)
    return st.lists(st.one_of(orderly, mixed), min_size=1, max_size=3)


# ---- both ways -----------------------------------------------------------------------------------------------------
def said(
    one: ColumnsLeg,
    sample: Sample,
    batches: Sequence[Sequence[Any]],
    limits: Limits | None = None,
    *,
    arrow: bool,
) -> Said:
    """What the leg makes of these batches of records, or of values as they are."""
    task, codec = _task(one, sample, limits or Limits(), arrow=arrow)
    topic, offset = one.leg.reads, 0
    outs: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    counts: Counter[Any] = Counter()
    dead: list[Any] = []
    changes: list[Any] = []
    for batch in batches:
        messages = []
        for given_ in batch:
            value = codec.of(topic).encode(given_) if isinstance(given_, Record) else given_
            messages.append(LocalMessage(topic.name, 0, offset, b"k", value))
            offset += 1
        task.process(topic, messages, START_MS)
        outbox, changed = task.drain()
        task.commit()
        for out in outbox.outs:
            outs[out.topic].extend(out.messages())
        counts.update({k: n for k, n in outbox.counts.take().items() if n})
        dead.extend((d.message.offset(), d.flow, d.leg, d.reason, d.trace_id) for d in outbox.dead)
        changes.append({name: dict(rows) for name, rows in changed.items()})
    fallbacks = _without_ways(counts)
    return Said(outs, counts, dead, changes, fallbacks)


def _task(one: ColumnsLeg, sample: Sample, limits: Limits, *, arrow: bool) -> tuple[Task, Codec]:
    made = plan((one.flow,), arrow=arrow)
    codec = Codec(LocalRegistry())
    # Both codecs number the schemas alike, whichever they need first.
    for topic in sorted(topics.TOPICS, key=lambda topic: topic.name):
        codec.registry.id_of(topic.subject, SCHEMAS[topic.record])
    references = References(made.references, codec)
    task = Task(made, 0, codec, references, limits)
    for table, row in sample.rows:
        key, raw = table.key(row), codec.of(table.changelog).encode(row)
        if table.copy_of is not None:
            references[table].apply(key, raw)
        else:
            task.state.tables[table.name].put(key, row, raw)
    return task, codec


def _without_ways(counts: Counter[Any]) -> int:
    """How many batches went by records. Which way a batch went is taken out of the counts."""
    for key in [key for key in counts if key[2] == "columns batch"]:
        del counts[key]
    return sum(counts.pop(key) for key in list(counts) if key[2] == "columns fallback")


def differences(
    one: ColumnsLeg, sample: Sample, batches: Sequence[Sequence[Any]], limits: Limits
) -> list[str]:
    """In what columns and records differ; all that a task hands over is compared."""
    by_columns = said(one, sample, batches, limits, arrow=True)
    by_records = said(one, sample, batches, limits, arrow=False)
    parts = ("outs", "counts", "dead", "changes")
    return [
        f"{one.label}: {part} by columns {getattr(by_columns, part)}, by records {getattr(by_records, part)}"
        for part in parts
        if getattr(by_columns, part) != getattr(by_records, part)
    ]


# ---- and with something to say ---------------------------------------------------------------------------------------
def unsampled(legs: Iterable[ColumnsLeg], samples: Mapping[str, Sample]) -> list[str]:
    """Legs that nobody has records for."""
    return [
        f"{one.label} has `batches`: add a Sample with records of {one.leg.reads.record.__name__} that it writes "
        f"something for, and with rows of its tables, to SAMPLES in {SAMPLES_FILE}"
        for one in legs
        if one.label not in samples
    ]


def unreached(one: ColumnsLeg, sample: Sample) -> list[str]:
    """Topics that the leg never writes by columns, whatever of its sample it is given."""
    written: set[str] = set()

    @settings(
        deadline=None,
        max_examples=REACH_EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(sample.plausible, min_size=ORDERLY_MIN, max_size=8))
    def reach(batch: list[Any]) -> None:
        found = said(one, sample, [batch], arrow=True)
        if not found.fallbacks:
            written.update(name for name, messages in found.outs.items() if messages)

    reach()
    return [
        f"{one.label}: its Sample in {SAMPLES_FILE} makes it write nothing to {topic.name} by columns: add records "
        "and rows that do"
        for topic in one.leg.writes
        if topic.name not in written
    ]
