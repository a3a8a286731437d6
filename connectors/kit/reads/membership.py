"""Who polls what: a consumer group on the checkpoint topic, whose partitions stand for shares of the resources.

The group's records are not read through it (the partitions are paused): only its assignment matters. Two replicas
never poll one resource for long: the new one's `transactional.id` fences the old one's commits.
"""

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kit.base.callbacks import Callbacks
from gridwire import kafka as clients
from gridwire import metrics
from gridwire.settings import KafkaSettings
from gridwire.topics import CHECKPOINTS

GROUP = "pollers"
POLL_S = 0.2
OWNER_S_MAX = 30.0  # for the owner to begin polling, or to end it
JOIN_S = 10.0
STUCK_S = 300.0
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
        self._stopping = threading.Event()
        self._problem: str | None = "joining the pollers' group"
        self._beat = time.monotonic()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="kafka-pollers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(Exception):  # whoever waits for `ended` sees it
            await asyncio.shield(self.ended)
        await asyncio.to_thread(self._thread.join, JOIN_S)

    def ready(self) -> str | None:
        return self._problem

    def live(self) -> str | None:
        if not self._thread.is_alive():
            return "pollers' group thread has ended"
        silent_s = time.monotonic() - self._beat
        return f"pollers' group thread stuck for {silent_s:.0f} s" if silent_s > STUCK_S else None

    # ---- the thread ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._consumer.subscribe(
                [CHECKPOINTS.name],
                on_assign=self._callbacks.caught(self._on_assign),
                on_revoke=self._callbacks.caught(self._on_revoke),
                on_lost=self._callbacks.caught(self._on_revoke),
            )
            while not self._stopping.is_set():
                self._turn()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            error = raised
        try:
            self._consumer.close()
            self._callbacks.check()
        except BaseException as raised:  # noqa: BLE001 - as above
            error = error or raised
        self._problem = "stopped" if error is None else f"failed: {error}"
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def _turn(self) -> None:
        message = self._consumer.poll(POLL_S)
        self._callbacks.check()
        self._beat = time.monotonic()
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
