"""One topic carried out: Kafka thread, lanes and handler put together. Sinks and fetches both run on it."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, Producer

from connectors.kit.base.clock import SYSTEM, Clock
from connectors.kit.lanes.effects import Memory
from connectors.kit.lanes.feed import KafkaFeed
from connectors.kit.lanes.lanes import Lanes, LanesBrokenError
from connectors.kit.lanes.ledger import LedgerReader
from connectors.kit.lanes.progress import INTENTS_MAX
from connectors.kit.lanes.work import Feed, Handler
from connectors.kit.output.commits import Committer, PlainCommitter, TransactionalCommitter
from gridwire import kafka as clients
from gridwire.dead_letters import ENVELOPE_BYTES
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.settings import KafkaSettings

QUEUED_KB_MAX = 8_192  # prefetched; small, because pausing throws it away
REFETCH_MS = 20  # librdkafka waits a second before it fetches again for a queue that was full
CONCURRENCY_MAX = INTENTS_MAX // 2
log = logging.getLogger(__name__)


class EngineHandler(Handler, Protocol):
    """A handler that is told its feed."""

    feed: Feed


class KafkaClients:
    """The clients of one engine. Exactly once: a stable slot, so that a restart settles what it left open."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self.session_s = settings.session_timeout_ms / 1_000

    @property
    def _member(self) -> str:
        return f"{self._settings.group_prefix}.{self._name}.{self._settings.slot}"

    @property
    def _exactly_once(self) -> bool:
        return self._settings.delivery == "exactly_once"

    def consumer(self, on_error: Callable[[KafkaError], None]) -> Consumer:
        static = {"group_instance_id": self._member} if self._exactly_once else {}
        return clients.consumer(
            self._settings,
            self._name,
            error_cb=on_error,
            queued_max_messages_kbytes=QUEUED_KB_MAX,
            fetch_queue_backoff_ms=REFETCH_MS,
            **static,
        )

    def committer(self, consumer: Consumer) -> Committer:
        if self._exactly_once:
            return TransactionalCommitter(partial(self._producer, self._member))
        return PlainCommitter(partial(self._producer, None), consumer)

    def _producer(self, transactional_id: str | None) -> Producer:
        """Dead letters are as large as a message may be, and their headers come on top."""
        return clients.producer(
            self._settings,
            transactional_id=transactional_id,
            message_max_bytes=MESSAGE_BYTES_MAX + ENVELOPE_BYTES,
        )


class Engine:
    """Carries out one topic with one handler. `name`: of the consumer group, e.g. `sink.braze`.

    `concurrency`: 1 to CONCURRENCY_MAX. `ledger`: the topic that keeps which records had their effect, and how much
    of it counts; None: nobody keeps that.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        name: str,
        topic: str,
        handler: EngineHandler,
        *,
        concurrency: int,
        clock: Clock = SYSTEM,
        ledger: tuple[str, Memory] | None = None,
    ) -> None:
        self.name = name
        self.lanes = Lanes(handler, concurrency, clock)
        reader = None if ledger is None else LedgerReader(settings, topic, *ledger)
        self.feed = KafkaFeed(topic, name, self.lanes, KafkaClients(settings, name), reader)
        self.lanes.feed = handler.feed = self.feed

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then finishes what is in flight and leaves.

        Raises what ended the Kafka thread; LanesBrokenError where a worker or a batch ended by a fault.
        """
        self.lanes.start()
        self.feed.start()
        stopped = asyncio.ensure_future(stop.wait())
        try:
            waited: list[asyncio.Future[Any]] = [stopped, self.feed.ended, self.lanes.broken]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            await self.feed.stop()
            await self.lanes.stop()
            log.info("engine ended", extra={"group": self.name})
        await self.feed.ended
        if self.lanes.broken.done():
            error = self.lanes.broken.result()
            raise LanesBrokenError(error) from error

    def ready(self) -> str | None:
        return self.feed.ready()

    def live(self) -> str | None:
        return self.feed.live()
