"""Who polls what: a consumer group on the checkpoint topic, whose partitions stand for shares of the resources.

The group's records are not read through it (the partitions are paused): only its assignment matters. Two replicas
never poll one resource for long: the new one's `transactional.id` fences the old one's commits.
"""

import asyncio
import concurrent.futures
import logging
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kit.base.callbacks import Callbacks
from connectors.kit.base.thread import ClientThread
from gridwire import kafka as clients
from gridwire import metrics
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS

GROUP = "pollers"
POLL_S = 0.2
OWNER_S_MAX = 30.0  # for the owner to begin polling, or to end it
JOIN_S = 10.0
log = logging.getLogger(__name__)


class OwnerError(Exception):
    """Nobody polls what the group was told that we poll: the process must leave the group."""


class Owner(Protocol):
    """Whoever polls. Called in the event loop."""

    async def gained(self, partitions: set[int], count: int) -> None:
        """These partitions of `count` are ours from now on."""

    async def gave_up(self, partitions: set[int]) -> None:
        """These are not; returns when nothing of them runs any more."""


class Membership:
    """Membership in the pollers' group, on a thread of its own."""

    def __init__(self, settings: KafkaSettings, owner: Owner) -> None:
        self._consumer: Consumer = clients.consumer(
            settings, GROUP, error_cb=self._on_error, queued_max_messages_kbytes=1_024
        )
        self._callbacks = Callbacks()
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._problem: str | None = "joining the pollers' group"
        self._thread = ClientThread("kafka-pollers", self._work, self._end, self._over)
        self.ended = self._thread.ended

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        await self._thread.stop(JOIN_S)

    def ready(self) -> str | None:
        return self._problem

    def live(self) -> str | None:
        return self._thread.live("pollers' group thread")

    # ---- the thread ----------------------------------------------------------------------------------------------
    def _work(self) -> None:
        self._consumer.subscribe(
            [CHECKPOINTS.name],
            on_assign=self._callbacks.caught(self._on_assign),
            on_revoke=self._callbacks.caught(self._on_revoke),
            on_lost=self._callbacks.caught(self._on_revoke),
        )
        while not self._thread.stopping.is_set():
            self._turn()

    def _end(self, _error: BaseException | None) -> None:
        self._consumer.close()
        self._callbacks.check()

    def _over(self, error: BaseException | None) -> None:
        self._problem = "stopped" if error is None else f"failed: {error}"

    def _turn(self) -> None:
        message = self._consumer.poll(POLL_S)
        self._callbacks.check()
        self._thread.beat = time.monotonic()
        error = message.error() if message is not None else None
        if error is not None and error.fatal():
            raise KafkaException(error)
        if error is not None:
            log.warning("pollers' group trouble", extra={"why": error.str()})

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - librdkafka's own codes begin so
            log.warning("Kafka does not answer", extra={"group": GROUP})

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(GROUP, "assigned").inc()
        consumer.assign(partitions)
        consumer.pause(partitions)
        topics = consumer.list_topics(CHECKPOINTS.name, timeout=JOIN_S).topics
        count = len(topics[CHECKPOINTS.name].partitions)
        gained = {p.partition for p in partitions}
        if not self._call(self._owner.gained(gained, count)):
            raise OwnerError(
                f"polling did not begin within {OWNER_S_MAX:g} s: the event loop is held up. The process leaves the "
                "group so that another polls; start it again, with more CPU where this happens again"
            )
        self._problem = None

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(GROUP, "revoked").inc()
        gone = {p.partition for p in partitions}
        if not self._call(self._owner.gave_up(gone)):
            # A commit that Kafka does not answer, most likely. The new owner fences it, so nobody waits for it here.
            log.warning("polling has not ended yet", extra={"group": GROUP, "count": len(gone)})
        consumer.unassign()

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> bool:
        """Whether the owner did it within OWNER_S_MAX. Raises what the owner raises."""
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is gone, and every poller with it
            coroutine.close()
            return True
        if not concurrent.futures.wait([future], OWNER_S_MAX).done:
            return False
        future.result()
        return True
