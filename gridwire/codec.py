"""Avro in Confluent wire format: a zero byte, the schema id (4 bytes, big endian), the fastavro body.

Subjects follow TopicNameStrategy. Timestamps stay `int` (milliseconds). A message that cannot be read raises
`CodecError`; whoever reads decides where its bytes go.
"""

import io
import json
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import fastavro
import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from gridwire import compiled
from gridwire.foreign import boundless
from gridwire.records import SCHEMAS, Record
from gridwire.topics import Topic

R = TypeVar("R", bound=Record)
T = TypeVar("T")
MAGIC = 0
HEADER = struct.Struct(">bI")
REFUSED_IDS_MAX = 1_000  # ids that cannot be used are remembered, so that poison costs one look-up
REGISTRY_TIMEOUT_S = 3.0  # a call blocks whoever encodes or decodes, also an event loop
AWAY_S = 5.0  # after a call without an answer, for so long the next ones fail at once
REFUSED = frozenset({400, 401, 403, 409, 422})  # asking again would not help
NOT_FOUND = 404
NO_SUCH_ID = frozenset({400, 404, 422})  # registries differ in what they say to an id beyond theirs


class CodecError(Exception):
    """A message that is not what its topic promises. `reason` is a short fixed phrase."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class RegistryUnavailableError(Exception):
    """The schema registry does not answer: nothing is wrong with the message, try again."""


def parse(text: str) -> Any:
    """A schema ready for fastavro; logical types removed, so that timestamps stay int."""
    return fastavro.parse_schema(plain_schema(json.loads(text)))


def foreign(text: str | None) -> Any:
    """A writer's schema, parsed. Raises CodecError where it is none, or none that can be read within bounds."""
    try:
        schema = parse(text or "")
    except (
        Exception
    ) as error:  # JSON Schema, Protobuf, references: whatever else a registry may hold
        raise CodecError("schema not readable as Avro", type(error).__name__) from error
    if fault := boundless(schema):
        raise CodecError("schema without bounds", fault)
    return schema


def plain_schema(node: Any) -> Any:
    """A schema (parsed JSON) without logical types, so that timestamps stay int."""
    if isinstance(node, list):
        return [plain_schema(branch) for branch in node]
    if isinstance(node, dict):
        return {name: plain_schema(value) for name, value in node.items() if name != "logicalType"}
    return node


class Registry:
    """Schema ids by subject and schemas by id, cached; Confluent's own client does the talking, once per call.

    Nothing is tried again here: whoever asks has a way to wait. A registry that does not answer is asked again after
    AWAY_S; until then every call fails at once, so that many of them cost one time-out.
    """

    _away_until = 0.0

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        asked = {"url": url, "timeout": REGISTRY_TIMEOUT_S, "max.retries": 0}
        self._client = SchemaRegistryClient(asked)
        self._clock = clock
        self._schemas: dict[int, Any] = {}
        self._refused: dict[int, str] = {}  # and why
        self._ids: dict[str, int] = {}

    def close(self) -> None:
        """Closes the connections to the registry."""
        self._client.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def register(self, subject: str, schema: str) -> int:
        """Registers a schema (or finds it); returns its id. Raises SchemaRegistryError where it is refused
        (not compatible, not valid, not allowed), RegistryUnavailableError where nobody answers.
        """
        try:
            found = self._asked(
                lambda: self._client.register_schema(subject, Schema(schema, "AVRO"))
            )
        except SchemaRegistryError as error:
            if error.http_status_code in REFUSED:
                raise
            raise RegistryUnavailableError(
                f"schema registry answered {error.http_status_code}"
            ) from error
        self._ids[subject] = found
        return found

    def level(self, subject: str | None) -> str | None:
        """The compatibility level of a subject; None where it has none of its own. Without `subject`: the default.

        Raises SchemaRegistryError where the registry refuses, RegistryUnavailableError.
        """
        try:
            return self._asked(lambda: self._client.get_compatibility(subject))
        except SchemaRegistryError as error:
            if error.http_status_code == NOT_FOUND:
                return None
            raise

    def set_level(self, subject: str, level: str) -> None:
        """Sets the compatibility level of a subject. Raises as `level` does."""
        self._asked(lambda: self._client.set_compatibility(subject, level))

    def id_of(self, subject: str, schema: str) -> int:
        """The id under which a schema is registered; registers it on first use."""
        return self._ids[subject] if subject in self._ids else self.register(subject, schema)

    def schema(self, schema_id: int) -> Any:
        """The writer's schema, parsed. Raises CodecError where none can be used, RegistryUnavailableError."""
        if schema_id in self._schemas:
            return self._schemas[schema_id]
        if schema_id in self._refused:
            raise CodecError(self._refused[schema_id], str(schema_id))
        try:
            self._schemas[schema_id] = foreign(self._text(schema_id))
        except CodecError as error:
            if len(self._refused) < REFUSED_IDS_MAX:
                self._refused[schema_id] = error.reason
            raise
        return self._schemas[schema_id]

    def _text(self, schema_id: int) -> str | None:
        try:
            return self._asked(lambda: self._client.get_schema(schema_id).schema_str)
        except SchemaRegistryError as error:
            if error.http_status_code not in NO_SUCH_ID:
                raise RegistryUnavailableError(
                    f"schema registry answered {error.http_status_code}"
                ) from error
            raise CodecError("unknown schema id", str(schema_id)) from error

    def _asked(self, call: Callable[[], T]) -> T:
        """Raises SchemaRegistryError where the registry answers with an error, RegistryUnavailableError."""
        if self._clock() < self._away_until:
            raise RegistryUnavailableError(
                f"schema registry did not answer; it is asked again every {AWAY_S:.0f} s"
            )
        try:
            return call()
        except SchemaRegistryError:
            raise
        except Exception as error:  # the client lets its HTTP library's errors through
            self._away_until = self._clock() + AWAY_S
            raise RegistryUnavailableError(
                f"schema registry does not answer ({type(error).__name__})"
            ) from error


class TopicCodec(Generic[R]):
    """Encodes and decodes the records of one topic.

    By functions compiled for its schema (`gridwire.compiled`); by fastavro where they give up, and where a message was
    written with another schema than ours.
    """

    def __init__(self, topic: Topic[R], registry: Registry) -> None:
        self.topic = topic
        self._registry = registry
        self._text = SCHEMAS[topic.record]
        self._schema = parse(self._text)
        self._layout = _layout(self._schema)
        self._head: bytes | None = None
        self._write = compiled.writer(self._text) or self._write_by_reference
        self._readers: dict[bytes, compiled.Read] = {}  # by magic byte and schema id
        self._alike: set[bytes] = set()  # those of which the body is as we would write it

    @property
    def head(self) -> bytes:
        """Magic byte and schema id of what we write; registers the schema on first use."""
        if self._head is None:
            self._head = HEADER.pack(MAGIC, self._registry.id_of(self.topic.subject, self._text))
        return self._head

    def encode(self, record: R) -> bytes:
        """The message value. Raises CodecError where a field has the wrong type."""
        head = self._head or self.head
        try:
            return self._write(head, record)
        except Exception:  # noqa: BLE001 -- whatever it is, fastavro says it properly
            return self._write_by_reference(head, record)

    def _write_by_reference(self, head: bytes, record: R) -> bytes:
        out = io.BytesIO()
        out.write(head)
        try:
            fastavro.schemaless_writer(out, self._schema, plain(record))
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            # Not the error's text: it quotes the value.
            raise CodecError(
                "record does not fit its schema",
                f"{self.topic.record.__name__}: {type(error).__name__}",
            ) from error
        return out.getvalue()

    def decode(self, value: bytes | None) -> R:
        """The record. Raises CodecError (bytes are at fault) or RegistryUnavailableError (try again)."""
        if value is None:
            raise CodecError("empty value")
        read = self._readers.get(value[: HEADER.size])
        if read is None:
            return self._read_by_reference(value)
        try:
            record: R = read(value)
        except Exception:  # noqa: BLE001 -- see encode
            return self._read_by_reference(value)
        return record

    def _read_by_reference(self, value: bytes) -> R:
        if len(value) < HEADER.size:
            raise CodecError("truncated", f"{len(value)} bytes")
        magic, schema_id = HEADER.unpack_from(value)
        if magic != MAGIC:
            raise CodecError("wrong magic byte", str(magic))
        writer = self._registry.schema(schema_id)
        self._note_reader(value[: HEADER.size], writer)
        body = io.BytesIO(value)
        body.seek(HEADER.size)
        try:
            fields = fastavro.schemaless_reader(body, writer, self._schema)
            return msgspec.convert(fields, self.topic.record)
        except EOFError as error:
            raise CodecError("truncated") from error
        except (
            Exception
        ) as error:  # fastavro raises many kinds on bad bytes and unresolvable schemas
            raise CodecError("not readable as its topic's record", type(error).__name__) from error

    def body(self, value: bytes | None) -> bytes:
        """What follows the schema id, in our own schema, whichever the message was written with.

        Raises as `decode` does.
        """
        if value is not None and value[: HEADER.size] in self._alike:
            return value[HEADER.size :]
        return self.encode(self.decode(value))[HEADER.size :]

    def _note_reader(self, head: bytes, writer: Any) -> None:
        """Messages that begin like this are read by a compiled function from now on, where that is possible."""
        if head not in self._readers:
            alike = _layout(writer) == self._layout
            self._alike.update({head} if alike else ())
            read = compiled.reader(self._text) if alike else None
            self._readers[head] = read or self._read_by_reference


def _layout(schema: Any) -> str:
    """Equal for schemas that differ in nothing that could be seen in bytes or records (documentation, defaults)."""
    return fastavro.schema.to_parsing_canonical_form(schema)


class Codec:
    """One codec per topic, made on first use."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._codecs: dict[str, TopicCodec[Any]] = {}

    def of(self, topic: Topic[R]) -> TopicCodec[R]:
        if topic.name not in self._codecs:
            self._codecs[topic.name] = TopicCodec(topic, self.registry)
        return self._codecs[topic.name]


def plain(record: Record) -> Mapping[str, Any]:
    """The record as nested dicts, for fastavro."""
    built: Mapping[str, Any] = msgspec.to_builtins(record, builtin_types=(bytes,))
    return built
