"""The compiled codec against fastavro, its reference: the same bytes, the same records, the same refusals."""

import io
import json
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwire import compiled, varint
from gridwire.codec import HEADER, CodecError, TopicCodec, parse, plain
from gridwire.records import SCHEMAS, Engagement, Record
from gridwire.topics import BRAZE_ENGAGEMENT, TOPICS
from streams.driver import LocalRegistry
from tests.unit.any_record import LONG, TEXT, records_of

HEAD = HEADER.pack(0, 1)
KINDS = sorted(SCHEMAS, key=lambda kind: kind.__name__)


ANY = st.sampled_from(KINDS).flatmap(records_of)


def _by_fastavro(record: Record) -> bytes:
    out = io.BytesIO()
    out.write(HEAD)
    fastavro.schemaless_writer(out, parse(SCHEMAS[type(record)]), plain(record))
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_record_has_a_compiled_writer_and_reader(kind: type[Record]) -> None:
    assert compiled.writer(SCHEMAS[kind]) is not None
    assert compiled.reader(SCHEMAS[kind]) is not None


@given(ANY)
def test_what_is_written_is_what_fastavro_writes(record: Record) -> None:
    write = compiled.writer(SCHEMAS[type(record)])
    assert write is not None
    assert write(HEAD, record) == _by_fastavro(record)


@given(ANY)
def test_what_fastavro_wrote_is_read_as_it_was(record: Record) -> None:
    read = compiled.reader(SCHEMAS[type(record)])
    assert read is not None
    assert read(_by_fastavro(record)) == record


def _codecs() -> tuple[TopicCodec[Engagement], TopicCodec[Engagement]]:
    """One as it is, and one that leaves everything to fastavro."""
    registry = LocalRegistry()
    ours, reference = TopicCodec(BRAZE_ENGAGEMENT, registry), TopicCodec(BRAZE_ENGAGEMENT, registry)
    reference._write = reference._write_by_reference
    reference.decode = reference._read_by_reference  # type: ignore[method-assign, assignment]
    return ours, reference


def _read(codec: TopicCodec[Engagement], value: bytes) -> object:
    """The record, or why not."""
    try:
        return codec.decode(value)
    except CodecError as error:
        return error.reason


@given(records_of(Engagement), st.data())
def test_damaged_bytes_end_as_they_do_with_fastavro(
    record: Engagement, data: st.DataObject
) -> None:
    ours, reference = _codecs()
    value = bytearray(ours.encode(record))
    ours.decode(bytes(value))  # from now on it reads these by itself
    for _ in range(data.draw(st.integers(1, 3))):
        value[data.draw(st.integers(HEADER.size, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(HEADER.size, len(value)))
    for damaged in (bytes(value), bytes(value[:cut])):
        assert _read(ours, damaged) == _read(reference, damaged)


@given(records_of(Engagement), st.data())
def test_a_field_of_the_wrong_type_ends_as_it_does_with_fastavro(
    record: Engagement, data: st.DataObject
) -> None:
    ours, reference = _codecs()
    name = data.draw(st.sampled_from(Engagement.__struct_fields__))
    wrong = data.draw(st.one_of(st.none(), st.integers(), st.floats(), TEXT, st.lists(TEXT)))
    changed = msgspec.structs.replace(record, **{name: wrong})
    assert _written(ours, changed) == _written(reference, changed)


def _written(codec: TopicCodec[Engagement], record: Engagement) -> object:
    try:
        return codec.encode(record)
    except CodecError as error:
        return error.reason


def test_a_schema_with_other_documentation_is_read_by_the_compiled_reader() -> None:
    registry = LocalRegistry()
    codec = TopicCodec(BRAZE_ENGAGEMENT, registry)
    schema = json.loads(SCHEMAS[Engagement])
    schema["doc"] = "Said in other words."
    head = HEADER.pack(0, registry.id_of("any", json.dumps(schema)))
    record = _example()
    value = head + codec.encode(record)[HEADER.size :]
    assert codec.decode(value) == record
    assert codec._readers[head] != codec._read_by_reference


def test_a_record_of_another_version_is_read_by_fastavro_with_its_defaults() -> None:
    registry = LocalRegistry()
    codec = TopicCodec(BRAZE_ENGAGEMENT, registry)
    schema = json.loads(SCHEMAS[Engagement])
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "properties"]
    head = HEADER.pack(0, registry.id_of("any", json.dumps(schema)))
    record = _example()
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parse(json.dumps(schema)), plain(record))
    for _ in range(2):  # the second time by what was remembered of the first
        assert codec.decode(head + out.getvalue()) == record


def _example() -> Engagement:
    return Engagement(
        event_id="e", user_id="u", identified=True, kind="email_open", event_type="x", sku="S"
    )


UNKNOWN = {
    "a union of three": ["null", "string", "long"],
    "a fixed": {"type": "fixed", "name": "F", "size": 2},
    "bytes": "bytes",
    "a record that holds itself": ["null", "gridwire.braze.Engagement"],
}


@pytest.mark.parametrize("kind", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_schema_beyond_it_has_no_compiled_functions(kind: Any) -> None:
    schema = json.loads(SCHEMAS[Engagement])
    schema["fields"].append({"name": "new", "type": kind, "doc": "Not known."})
    text = json.dumps(schema)
    assert compiled.writer(text) is None
    assert compiled.reader(text) is None


def test_every_topic_writes_and_reads_its_record_by_compiled_functions() -> None:
    registry = LocalRegistry()
    for topic in TOPICS:
        codec: TopicCodec[Any] = TopicCodec(topic, registry)
        assert codec._write != codec._write_by_reference, topic.name


@given(LONG | st.integers(1 << 33, 1 << 42), st.binary(max_size=12))
def test_a_number_is_read_as_it_was_written_wherever_it_stands(number: int, rest: bytes) -> None:
    written = varint.long(number)
    assert varint.read_long(b"?" + written + rest, 1) == (number, 1 + len(written))
    assert written == varint._zigzag(number)
