"""Records to messages and back. The schema registry is only asked off the event loop, and only once per schema."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from confluent_kafka.schema_registry import SchemaRegistryError

from connectors.kit.base.clock import Clock
from connectors.kit.output.output import Output
from gridwire import tracing
from gridwire.codec import HEADER, Codec, CodecError, RegistryUnavailableError
from gridwire.ids import derived, trace_of
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.records import Record
from gridwire.topics import Topic

R = TypeVar("R", bound=Record)
T = TypeVar("T")
# Of key and value together, as Kafka counts them: what remains is room for framing and headers.
RECORD_BYTES_MAX = MESSAGE_BYTES_MAX - 20_000


class Messages:
    """Encodes and decodes for one connector."""

    def __init__(self, codec: Codec, clock: Clock) -> None:
        self._codec = codec
        self._clock = clock
        self._writable: set[str] = set()
        self._readable: set[bytes] = set()

    async def prepare(self, *topics: Topic[Any]) -> None:
        """Registers the schemas of topics that are about to be written. Raises RegistryUnavailableError."""
        for topic in topics:
            if topic.name not in self._writable:
                await _registry(lambda topic=topic: self._codec.of(topic).head)  # type: ignore[misc]
                self._writable.add(topic.name)

    async def write(self, topic: Topic[Any], record: Record, *, traced: bool = True) -> Output:
        """The message of a record. Raises CodecError (also where it is too large), RegistryUnavailableError.

        `traced=False`: the caller makes the record's span itself.
        """
        if topic.name not in self._writable:
            await self.prepare(topic)
        output = self._output(topic, record)
        if traced and tracing.on is not None:
            _trace(tracing.on, topic, record)
        return output

    def write_here(self, topic: Topic[Any], record: Record) -> Output:
        """As `write`, for a thread: it may have to wait for the schema registry."""
        if topic.name not in self._writable:
            _mapped(lambda: self._codec.of(topic).head)
            self._writable.add(topic.name)
        output = self._output(topic, record)
        if tracing.on is not None:
            _trace(tracing.on, topic, record)
        return output

    def _output(self, topic: Topic[Any], record: Record) -> Output:
        value, key = self._codec.of(topic).encode(record), topic.key(record)
        size = len(value) + len(key.encode())
        if size > RECORD_BYTES_MAX:
            raise CodecError("record too large", f"{size} bytes of key and value for {topic.name}")
        return Output(topic.name, key, value)

    async def read(self, topic: Topic[R], value: bytes | None) -> R:
        """The record of a message. Raises CodecError (bytes at fault) or RegistryUnavailableError (try again)."""
        codec = self._codec.of(topic)
        head = value[: HEADER.size] if value else b""
        if head not in self._readable and len(head) == HEADER.size:
            magic, schema_id = HEADER.unpack(head)
            if magic == 0:
                await _registry(lambda: self._codec.registry.schema(schema_id))
                self._readable.add(head)
        return codec.decode(value)

    def stamped(
        self, record: R, *, source: str, seed: str, number: int = 0, cause: Record | None = None
    ) -> R:
        """`record` with the header fields that its maker left empty.

        Its id is a function of `source`, `seed` (what led to it) and `number` (which of several it is), so that doing
        it again yields the same record. Trace and causation follow `cause`.
        """
        event_id = record.event_id or derived(source, seed, type(record).__name__, number)
        trace_id = record.trace_id or (cause.trace_id if cause else "") or trace_of(event_id)
        now_ms = self._clock.epoch_ms()
        return msgspec.structs.replace(
            record,
            event_id=event_id,
            occurred_at=record.occurred_at or (cause.occurred_at if cause else now_ms),
            produced_at=now_ms,
            source=record.source or source,
            trace_id=trace_id,
            causation_id=record.causation_id or (cause.event_id if cause else None),
        )


def _trace(spans: tracing.Spans, topic: Topic[Any], record: Record) -> None:
    """What was fetched, polled or learnt. Others either have spans of their own, or need none."""
    if topic.kind != "source":
        return
    attributes = {
        "gridwire.source": record.source,
        "messaging.system": "kafka",
        "messaging.destination.name": topic.name,
    }
    start_ns = record.produced_at * 1_000_000
    spans.record(record, f"source {record.source}", "internal", attributes, start_ns=start_ns)


async def _registry(call: Callable[[], T]) -> T:
    """Asks the registry in a thread. Raises CodecError or RegistryUnavailableError."""
    return await asyncio.to_thread(_mapped, call)


def _mapped(call: Callable[[], T]) -> T:
    """What `call` returns. Raises CodecError or RegistryUnavailableError, whatever the registry's client raises."""
    try:
        return call()
    except (CodecError, RegistryUnavailableError):
        raise
    except SchemaRegistryError as error:
        raise RegistryUnavailableError(
            f"schema registry refused: {error.http_status_code} {error.error_message}"
        ) from error
    except Exception as error:  # the client lets its HTTP library's errors through
        raise RegistryUnavailableError(
            f"schema registry does not answer ({type(error).__name__})"
        ) from error
