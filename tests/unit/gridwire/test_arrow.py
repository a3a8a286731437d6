"""Columns against records: the same values out of the same bytes, the same bytes out of the same values."""

import io
import json
import subprocess
import sys
from typing import Any

import fastavro
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwire.arrow import ColumnCodec
from gridwire.codec import CodecError, TopicCodec
from gridwire.records import SCHEMAS, Engagement, Record
from gridwire.topics import BRAZE_ENGAGEMENT, TOPICS
from gridwire.varint import UnfitError, long
from streams.driver import LocalRegistry
from tests.unit.any_record import records_of

OLDER_LACKS = ("properties", "order_ref", "machine_open", "suspected_bot")


def _codecs(topic: Any = BRAZE_ENGAGEMENT) -> tuple[TopicCodec[Any], ColumnCodec]:
    codec = TopicCodec(topic, LocalRegistry())
    return codec, ColumnCodec(codec)


def _rows(batch: pa.RecordBatch, kind: type[Record]) -> list[Record]:
    """Columns as records again."""
    rows = [
        {name: dict(v) if batch.schema.field(name).type.id == MAP else v for name, v in row.items()}
        for row in batch.to_pylist()
    ]
    return [msgspec.convert(row, kind) for row in rows]


MAP = pa.map_(pa.string(), pa.string()).id
FLAT = [
    t for t in TOPICS if t.record.__name__ in ("Engagement", "EnrichedEngagement", "CartActivity")
]


@given(st.data())
def test_columns_hold_what_records_hold(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from(FLAT))
    made = data.draw(st.lists(records_of(topic.record), max_size=5))
    codec, columns = _codecs(topic)
    values = [codec.encode(one) for one in made]
    batch = columns.decode(values)
    assert _rows(batch, topic.record) == made
    assert columns.encode({name: batch.column(name) for name in batch.schema.names}) == values


def _older(registry: LocalRegistry) -> tuple[bytes, Any]:
    """Head and schema of an engagement event before some of its fields came, and with int for long."""
    schema = json.loads(SCHEMAS[Engagement])
    schema["fields"] = [part for part in schema["fields"] if part["name"] not in OLDER_LACKS]
    for part in schema["fields"]:
        if part["name"] == "quantity":
            part["type"] = "int"
    text = json.dumps(schema)
    schema_id = registry.id_of("older", text)
    return b"\0" + schema_id.to_bytes(4, "big"), registry.schema(schema_id)


@given(st.lists(st.tuples(records_of(Engagement), st.booleans()), min_size=1, max_size=6))
def test_older_versions_of_a_schema_may_stand_in_one_batch(
    events: list[tuple[Engagement, bool]],
) -> None:
    codec, columns = _codecs()
    head, older = _older(codec._registry)  # type: ignore[arg-type]
    values = []
    for event, is_old in events:
        if not is_old or not -(1 << 31) <= event.quantity < 1 << 31:
            values.append(codec.encode(event))
            continue
        out = io.BytesIO()
        fastavro.schemaless_writer(out, older, msgspec.to_builtins(event))
        values.append(head + out.getvalue())
    assert _rows(columns.decode(values), Engagement) == [codec.decode(v) for v in values]


def test_a_schema_that_differs_in_its_documentation_alone_needs_no_resolving() -> None:
    codec, columns = _codecs()
    schema = json.loads(SCHEMAS[Engagement])
    schema["doc"] = "Another one."
    registry: Any = codec._registry
    other = b"\0" + registry.id_of("other", json.dumps(schema)).to_bytes(4, "big")
    value = codec.encode(_event())
    same = other + value[5:]
    assert codec.decode(same) == _event()
    assert codec.body(same) == value[5:]
    assert _rows(columns.decode([value, same]), Engagement) == [_event(), _event()]


def _event(**fields: Any) -> Engagement:
    given_: dict[str, Any] = {
        "event_id": "e",
        "occurred_at": 1,
        "produced_at": 2,
        "source": "braze/currents",
        "version": 0,
        "trace_id": "t",
        "user_id": "u",
        "identified": True,
        "kind": "product_view",
        "event_type": "x",
    }
    return Engagement(**(given_ | fields))


@given(st.binary(max_size=12), st.integers(0, 200), st.integers(0, 3))
def test_columns_accept_nothing_that_records_refuse(noise: bytes, at: int, how: int) -> None:
    codec, columns = _codecs()
    value = codec.encode(_event(properties={"a": "b"}, sku="SKU-1", revenue_minor=300))
    place = 5 + at % (len(value) - 5)
    damaged = (
        value[:place],
        value + noise,
        value[:place] + noise + value[place + len(noise) :],
        value[:place] + noise + value[place:],
    )[how]
    try:
        batch = columns.decode([damaged])
    except (UnfitError, CodecError):
        return
    assert _rows(batch, Engagement) == [codec.decode(damaged)]


@pytest.mark.parametrize("value", [None, b"", b"\0", b"\1\0\0\0\1x", b"\0\0\0\xff\xff1234"])
def test_a_message_that_is_not_framed_is_no_column(value: bytes | None) -> None:
    codec, columns = _codecs()
    good = codec.encode(_event())
    with pytest.raises((UnfitError, CodecError)):
        columns.decode([good, value, good])


@pytest.mark.parametrize("count", [1 << 20, 1 << 40, (1 << 62), -1, -(1 << 40), -(1 << 63)])
def test_an_absurd_length_neither_crashes_nor_takes_memory(count: int) -> None:
    codec, columns = _codecs()
    value = codec.encode(_event(properties={"a": "b"}))
    for place in range(5, len(value)):
        with pytest.raises((UnfitError, CodecError)):
            columns.decode([value[:place] + long(count)])


def test_a_null_where_none_may_be_is_refused() -> None:
    codec, columns = _codecs()
    batch = columns.decode([codec.encode(_event())])
    given_ = {name: batch.column(name) for name in batch.schema.names}
    with pytest.raises(UnfitError):
        columns.encode({**given_, "user_id": pa.array([None], pa.string())})
    with pytest.raises(UnfitError):
        columns.encode({name: column for name, column in given_.items() if name != "user_id"})
    with pytest.raises(UnfitError):
        columns.encode({**given_, "quantity": pa.array(["many"])})
    with pytest.raises(UnfitError):
        columns.encode({**given_, "kind": pa.array(["no such kind"])})


def test_no_message_is_no_row() -> None:
    assert _codecs()[1].decode([]).num_rows == 0


def test_commands_that_need_no_columns_do_not_load_arrow() -> None:
    """Importing it takes a second, which `gridwire --help` should not."""
    code = "import sys, gridwire.cli; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
