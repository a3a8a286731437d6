"""What the sinks would send, without sending it: commands from where a sink's group has got to, and for each of them
the first request of its operation, redacted.

Nothing joins a group and nothing is committed: offsets are asked for by a client that bears the group's name and
subscribes to nothing. No HTTP client is made. An operation goes on by the platform's answers, and there are none here:
of one that looks before it writes only the look-up is known, and the line says so.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from connectors.kit.connector import Operation, OperationError, Request, Sink
from connectors.kit.lanes.progress import Progress
from gridwire import kafka as clients
from gridwire.codec import Codec, CodecError, Registry
from gridwire.logs import scrubbed
from gridwire.redaction import Redaction
from gridwire.settings import KafkaSettings

ASK_S_MAX = 10.0
READ_S_MAX = 300.0
READ_MESSAGES = 500
POLL_S = 0.5
TEXT_CHARS_MAX = 300  # of each text in a body
ITEMS_MAX = 50  # of each list in a body
DEPENDS = "depends on the answer"
Place = tuple[str, int]


@dataclass(slots=True)
class Dry:
    """What came of it. `shown` lines; `left`: commands that were not looked at; `cut`: why, empty where all were."""

    shown: int = 0
    left: int = 0
    cut: str = ""


@dataclass(slots=True)
class Waiting:
    """A partition of commands: how far it is carried out, what is taken from it, and where it ends."""

    sink: Sink
    progress: Progress
    end: int
    begin: int
    at: int = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.begin


def dry_run(
    settings: KafkaSettings, sinks: Sequence[Sink], limit: int, found: Dry
) -> Iterator[dict[str, Any]]:
    """A line for each command that waits, at most `limit`; `found` says how it went.

    Raises KafkaException, RegistryUnavailableError.
    """
    waiting = _waiting(settings, sinks)
    registry = Registry(settings.registry_url)
    codec = Codec(registry)
    try:
        for place, message in _messages(settings, waiting, found):
            one = waiting[place]
            offset = message.offset() or 0
            intended = one.progress.intended(offset)
            if not one.progress.take(offset):
                continue  # done already, out of order
            if found.shown == limit:
                found.cut = f"--limit {limit} is reached"
                break
            found.shown += 1
            yield _line(one.sink, codec, message, intended=intended)
    finally:
        registry.close()
    found.left = sum(max(0, one.end - one.at) for one in waiting.values())


# ---- where the groups have got to --------------------------------------------------------------------------------
def _waiting(settings: KafkaSettings, sinks: Sequence[Sink]) -> dict[Place, Waiting]:
    counts = clients.partition_counts(settings)
    found: dict[Place, Waiting] = {}
    reader = clients.reader(settings)
    try:
        for sink in sinks:
            places = [(sink.commands.name, n) for n in range(counts.get(sink.commands.name, 0))]
            for one in _committed(settings, f"sink.{sink.platform.name}", places):
                found[one.topic, one.partition] = _at(reader, sink, one)
    finally:
        reader.close()
    return found


def _committed(
    settings: KafkaSettings, group: str, places: Sequence[Place]
) -> Sequence[TopicPartition]:
    if not places:
        return ()
    # Read-uncommitted: else the answer waits for transactions that a dead sink left open.
    client = clients.consumer(settings, group, isolation_level="read_uncommitted")
    try:
        found = client.committed([TopicPartition(*place) for place in places], timeout=ASK_S_MAX)
    finally:
        client.close()
    for one in found:
        if one.error is not None:
            raise KafkaException(one.error)
    return found


def _at(reader: Consumer, sink: Sink, committed: TopicPartition) -> Waiting:
    """The end is that of what is committed: what a transaction holds back is not waited for."""
    place = TopicPartition(committed.topic, committed.partition)
    first, end = clients.patiently(lambda: reader.get_watermark_offsets(place, timeout=ASK_S_MAX))
    known = committed.offset if committed.offset >= 0 else None
    return Waiting(sink, Progress(known, committed.metadata), end, max(first, known or 0))


def _messages(
    settings: KafkaSettings, waiting: Mapping[Place, Waiting], found: Dry
) -> Iterator[tuple[Place, Message]]:
    """Everything from there to the end that the topics had, for at most READ_S_MAX."""
    places = [place for place, one in waiting.items() if one.begin < one.end]
    if not places:
        return
    reader = clients.reader(settings)
    deadline = time.monotonic() + READ_S_MAX
    try:
        reader.assign([TopicPartition(*p, waiting[p].begin or OFFSET_BEGINNING) for p in places])
        while any(waiting[place].at < waiting[place].end for place in places):
            if time.monotonic() > deadline:
                found.cut = f"reading takes longer than {READ_S_MAX:g} seconds"
                return
            for message in reader.consume(READ_MESSAGES, POLL_S):
                place = (message.topic() or "", message.partition() or 0)
                offset = message.offset()
                if message.error() is None and offset is not None and offset < waiting[place].end:
                    yield place, message
                    waiting[place].at = offset + 1
            _past_markers(reader, waiting, places)
    finally:
        reader.close()


def _past_markers(
    reader: Consumer, waiting: Mapping[Place, Waiting], places: Sequence[Place]
) -> None:
    """The position goes past markers of transactions, which are no messages."""
    for one in reader.position([TopicPartition(*place) for place in places]):
        if one.offset >= 0:
            place = (one.topic, one.partition)
            waiting[place].at = max(waiting[place].at, one.offset)


# ---- one command -------------------------------------------------------------------------------------------------
def _line(sink: Sink, codec: Codec, message: Message, *, intended: bool) -> dict[str, Any]:
    line: dict[str, Any] = {
        "platform": sink.platform.name,
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
    }
    try:
        command: Any = codec.of(sink.commands).decode(message.value())
    except CodecError as error:
        return line | {"outcome": "dead letter", "reason": f"cannot be read: {error.reason}"}
    line |= {"command": command.event_id, "flow": command.flow, "operation": command.operation}
    operation = sink.operations.get(command.operation)
    body = getattr(command, command.operation, None)
    if operation is None or body is None:
        reason = "unknown operation" if operation is None else "command without its operation"
        return line | {"outcome": "rejected", "reason": reason}
    line["safety"] = operation.safety_of(body)
    if operation.bulk is not None:
        line["together"] = f"with up to {operation.bulk.items_max - 1} others in one request"
    if intended:
        line["note"] = "an earlier attempt may have been sent: GRIDWIRE_SINK_UNSAFE_REPEATS decides"
    return line | _first(operation, command, body)


def _first(operation: Operation, command: Any, body: Any) -> dict[str, Any]:
    """The operation's first request, or how it ends without one."""
    steps = operation.steps(command, body)
    try:
        step = next(steps)
    except StopIteration:
        return {"outcome": "delivered", "reason": "nothing needs to be sent"}
    except OperationError as error:
        return {"outcome": type(error.verdict).__name__.lower(), "reason": error.verdict.reason}
    except Exception as error:  # noqa: BLE001 - as the sink has it: the fault of one command
        return {"outcome": "transient", "reason": f"fault in operation: {type(error).__name__}"}
    finally:
        steps.close()
    if not isinstance(step, Request):
        return {"first": type(step).__name__.lower(), "then": DEPENDS}  # a link is a secret
    shown = _request(step, Redaction.of(command))
    looks = step.method == "GET" or operation.safety_of(body) == "lookup"
    return shown | ({"then": DEPENDS} if looks else {})


def _request(request: Request, redaction: Redaction) -> dict[str, Any]:
    """A request as it may be shown: no headers, as credentials and keys stand there."""
    path = "/".join(redaction.scrubbed(part) for part in request.path.split("/"))
    shown: dict[str, Any] = {"method": request.method, "path": scrubbed(path, TEXT_CHARS_MAX)}
    if request.query:
        shown["query"] = _bounded(redaction.hidden(dict(request.query)))
    if request.json is not None:
        shown["body"] = _bounded(redaction.hidden(msgspec.to_builtins(request.json)))
    return shown


def _bounded(value: Any) -> Any:
    """What a reader can take in, and without what looks like a secret or an address, whoever wrote it there."""
    if isinstance(value, str):
        return scrubbed(value, TEXT_CHARS_MAX)
    if isinstance(value, Mapping):
        return {name: _bounded(one) for name, one in value.items()}
    if isinstance(value, list):
        more = [f"and {len(value) - ITEMS_MAX} more"] if len(value) > ITEMS_MAX else []
        return [_bounded(one) for one in value[:ITEMS_MAX]] + more
    return value
