"""Avro messages of one topic as Arrow columns, a batch at a time, and back.

pyruhvro does the work, some twenty times as fast as record by record. fastavro stays the reference: what cannot be
read or written as columns raises `UnfitError`, and whoever asked goes by records (`gridwire.codec`), which say what is
wrong.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyruhvro

from gridwire.codec import HEADER, TopicCodec, plain_schema
from gridwire.records import SCHEMAS
from gridwire.varint import UnfitError

HEAD_BYTES = HEADER.size
PANIC = "PanicException"  # what a fault of a Rust library looks like; it is no Exception
CHUNKS = 1  # pyruhvro's threads do not pay for batches of a round's size


class ColumnCodec:
    """Encodes and decodes the records of one topic as columns, in the schema that is ours.

    `layout`: these columns. Timestamps are int64 milliseconds, enums and ids strings. ValueError where the schema has
    something that columns cannot hold.
    """

    def __init__(self, codec: TopicCodec[Any]) -> None:
        self._codec = codec
        self._schema = json.dumps(plain_schema(json.loads(SCHEMAS[codec.topic.record])))
        self.layout: pa.Schema = pyruhvro.avro_to_arrow_schema(self._schema)

    def decode(self, values: Sequence[bytes | None]) -> pa.RecordBatch:
        """One row per message, in order. Raises UnfitError where any of them cannot be read so.

        Messages that were written with another version of the schema are resolved record by record first.
        Raises RegistryUnavailableError.
        """
        codec, head = self._codec, self._codec.head
        bodies = [v[HEAD_BYTES:] for v in values if v is not None and v[:HEAD_BYTES] == head]
        if len(bodies) < len(values):
            bodies = [codec.body(value) for value in values]
        batch: pa.RecordBatch = _guarded(pyruhvro.deserialize_array, bodies, self._schema)
        try:
            batch.validate(full=True)  # pyruhvro lets texts through that are no UTF-8
        except pa.ArrowException as error:
            raise UnfitError("not valid") from error
        return batch

    def encode(self, columns: Mapping[str, pa.Array]) -> list[bytes]:
        """Message values, one per row. Raises UnfitError where the columns do not fit the schema."""
        head = self._codec.head
        try:
            arrays = [columns[field.name].cast(field.type) for field in self.layout]
            batch = pa.RecordBatch.from_arrays(arrays, schema=self.layout)
            batch.validate()
        except (pa.ArrowException, KeyError) as error:
            raise UnfitError(f"columns of {self._codec.topic.record.__name__}") from error
        _no_nulls(batch)
        (bodies,) = _guarded(pyruhvro.serialize_record_batch, batch, self._schema, CHUNKS)
        return [head + body for body in bodies.to_pylist()]


def _no_nulls(batch: pa.RecordBatch) -> None:
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if not field.nullable and column.null_count:
            raise UnfitError(f"{field.name} is null")


def _guarded(call: Any, *given: Any) -> Any:
    """A call into pyruhvro. Raises UnfitError for all that it raises, panics too."""
    try:
        return call(*given)
    except Exception as error:  # ValueError mostly; its kinds are not documented
        raise UnfitError(type(error).__name__) from error
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise UnfitError(PANIC) from error
