"""A producer whose callers wait for Kafka's acknowledgement (acks=all) inside the event loop.

Delivery reports are fetched by the loop itself, every POLL_S while any is awaited: no second thread competes with
it, and one turn serves all reports that have come. Kafka being away is noticed by librdkafka, and tried again
in a thread; meanwhile nothing is taken on.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message

from connectors.kit.output.output import Output
from gridwire import kafka as clients
from gridwire.dead_letters import ENVELOPE_BYTES
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.settings import KafkaSettings

POLL_S = 0.002
IDLE_POLL_S = 0.5
PROBE_S = 1.0
PROBE_TIMEOUT_S = 5.0
REPORT_SHARE = 0.8  # of the caller's deadline: Kafka's verdict comes before it
QUEUE_MESSAGES_MAX = 200_000
QUEUE_KB_MAX = 262_144
FLUSH_S_MAX = 10.0
log = logging.getLogger(__name__)


class UnavailableError(Exception):
    """Kafka did not acknowledge everything: the sender must send again."""


class _Write:
    """Messages of one call; resolves when all of them are reported. `deadline`: monotonic seconds."""

    __slots__ = ("deadline", "error", "future", "left")

    def __init__(self, future: "asyncio.Future[None]", count: int, deadline: float) -> None:
        self.future = future
        self.left = count
        self.deadline = deadline
        self.error: KafkaError | None = None

    def report(self, error: KafkaError | None, message: Message) -> None:
        """The delivery callback: runs inside `poll`, in the loop.

        A message without an offset was not acknowledged by the broker, but taken for acknowledged by librdkafka
        because a later one was (docs/adr/0008): that is not good enough for a 2xx.
        """
        if error is not None:
            self.error = error
        elif message.offset() is None:
            self.error = KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001 - librdkafka's own codes begin so
        self.left -= 1
        if self.left or self.future.done():
            return
        if self.error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(UnavailableError(f"Kafka: {self.error.name()}"))

    def fail(self, why: str) -> None:
        """Nobody waits for reports any more."""
        if not self.future.done():
            self.future.set_exception(UnavailableError(why))


class AckedProducer:
    """Writes and waits. `deadline_s`: how long a caller waits at most."""

    def __init__(self, settings: KafkaSettings, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._producer = clients.producer(
            settings,
            error_cb=self._on_error,
            delivery_timeout_ms=int(deadline_s * REPORT_SHARE * 1_000),
            message_max_bytes=MESSAGE_BYTES_MAX + ENVELOPE_BYTES,
            queue_buffering_max_messages=QUEUE_MESSAGES_MAX,
            queue_buffering_max_kbytes=QUEUE_KB_MAX,
        )
        self._awaited: deque[_Write] = deque()  # in the order of their deadlines
        self._problem: str | None = "not connected yet"
        self._tasks: list[asyncio.Task[None]] = []
        self._polling: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._probe(), name="kafka-probe"),
            asyncio.create_task(self._idle(), name="kafka-idle"),
        ]

    async def stop(self) -> None:
        """Waits for what is under way, within FLUSH_S_MAX. Whoever still waits then is told that it failed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        left = await self._flushed()
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None
        for write in self._awaited:
            write.fail("stopped before Kafka acknowledged")
        self._awaited.clear()
        if left:
            log.warning("messages not acknowledged at the end", extra={"count": left})

    async def _flushed(self) -> int:
        """Waits for all reports, within FLUSH_S_MAX; how many are missing. In the loop: reports resolve its futures."""
        deadline = self._loop.time() + FLUSH_S_MAX
        while len(self._producer) and self._loop.time() < deadline:
            self._producer.poll(0)
            await asyncio.sleep(POLL_S)
        return len(self._producer)

    def problem(self) -> str | None:
        """Why Kafka cannot be written to; None where it can."""
        return self._problem

    async def write(self, outputs: Sequence[Output]) -> None:
        """Returns when Kafka has acknowledged all. Raises UnavailableError; some may have been written then."""
        if self._problem is not None:
            raise UnavailableError(self._problem)
        if not outputs:
            return
        deadline = self._loop.time() + self._deadline_s
        write = _Write(self._loop.create_future(), len(outputs), deadline)
        try:
            self._produce(outputs, write)
        except BaseException:
            write.future.cancel()  # nobody waits for the reports of those that were taken
            raise
        self._awaited.append(write)
        if self._polling is None:
            self._polling = self._loop.call_later(POLL_S, self._poll)
        await write.future

    def _produce(self, outputs: Sequence[Output], write: _Write) -> None:
        try:
            for output in outputs:
                self._producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    headers=list(output.headers) or None,
                    on_delivery=write.report,
                )
        except BufferError as error:
            raise UnavailableError("producer queue is full") from error
        except KafkaException as error:
            raise UnavailableError(f"Kafka: {error.args[0].name()}") from error

    def _poll(self) -> None:
        """Takes in reports, lets go of who has waited too long, and comes back while anybody waits."""
        self._producer.poll(0)
        now = self._loop.time()
        awaited = self._awaited
        while awaited and (awaited[0].future.done() or awaited[0].deadline <= now):
            write = awaited.popleft()
            write.fail("Kafka did not acknowledge in time")
        self._polling = self._loop.call_later(POLL_S, self._poll) if awaited else None

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal():  # noqa: SLF001 - librdkafka's own codes
            self._problem = f"Kafka does not answer: {error.name()}"
            log.warning("Kafka does not answer", extra={"why": error.str()})

    async def _idle(self) -> None:
        """Serves librdkafka's events while nobody waits."""
        while True:
            await asyncio.sleep(IDLE_POLL_S)
            self._producer.poll(0)

    async def _probe(self) -> None:
        """Asks Kafka in a thread while it is away."""
        while True:
            if self._problem is not None:
                with contextlib.suppress(KafkaException):
                    await asyncio.to_thread(self._producer.list_topics, timeout=PROBE_TIMEOUT_S)
                    self._problem = None
                    log.info("Kafka answers")
            await asyncio.sleep(PROBE_S)
