"""Outcomes and intents on their way into commits. Everything here but the two deques belongs to the Kafka thread."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.kit.lanes.effects import packed
from connectors.kit.lanes.work import Assigned, Entry, IntentError, Settled
from connectors.kit.output.commits import (
    CommitFailedError,
    Committer,
    ProducerBrokenError,
    fatal,
    kafka_error,
)
from connectors.kit.output.output import Output
from gridwire import metrics

COMMIT_INTERVAL_S = 0.1
COMMIT_RETRY_S = 0.2
LAST_COMMITS_MAX = 3
LONG_AGO_S = -3_600.0
COMMITTING_S_MAX = (
    15.0  # without a commit that succeeds, though there is something to commit: not ready
)
LOOK_S_MAX = 2.0
REOPEN_S = 60.0
REOPENS_MAX = 3  # a producer that breaks more often within REOPEN_S ends the process
PATIENCE_S = 240.0  # for a Kafka that is away in the middle of a commit; below max.poll.interval.ms
KAFKA_TIMEOUT_S = 10.0
REACHED_LOOK_S = 5.0
REACHED_S_MAX = 60.0  # a transaction that nobody ends is ended by its broker after 10 s, and brokers look every 10 s
# Librdkafka tries by itself while offsets are unstable, and reports that it ran out of time.
OPEN_COMMIT = frozenset({KafkaError._TIMED_OUT, KafkaError.UNSTABLE_OFFSET_COMMIT})  # noqa: SLF001 - its own codes
log = logging.getLogger(__name__)

Futures = list["asyncio.Future[None]"]


class Settling:
    """Collects what the loop has finished, commits it in intervals, and knows when our membership was confirmed.

    `outcomes` and `intents` (with None: retracted) are filled by the loop; appending to a deque needs no lock.
    A confirmation holds for half of `session_s`. `ledger`: the topic that keeps which records had their effect.
    """

    def __init__(
        self,
        topic: str,
        group: str,
        consumer: Consumer,
        committer: Committer,
        *,
        loop: asyncio.AbstractEventLoop,
        session_s: float,
        ledger: str | None = None,
    ) -> None:
        self.outcomes: deque[Settled] = deque()
        self.intents: deque[tuple[Entry, asyncio.Future[None] | None]] = deque()
        self.dirty: set[Assigned] = set()
        self.metadata: Any = None
        self._topic = topic
        self._group = group
        self._ledger = ledger
        self._consumer = consumer
        self._committer = committer
        self._loop = loop
        self._confirmed_s = session_s / 2
        self._unsent: list[Settled] = []
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._commit_at = 0.0
        self._confirmed_at = LONG_AGO_S
        self._committing_since: float | None = None
        self._why = "the first try is under way"
        self._reopened: deque[float] = deque(maxlen=REOPENS_MAX)
        self._commits = metrics.COMMITS.labels(group)

    def open(self) -> None:
        """Raises KafkaException while Kafka does not answer."""
        self._committer.open()

    def close(self) -> None:
        """Lets go of the producer."""
        self._committer.close()

    def reached(
        self, partitions: Sequence[TopicPartition], stopping: threading.Event
    ) -> list[TopicPartition]:
        """Where earlier owners of partitions got to. A commit that one of them left open is waited for.

        Raises KafkaException where Kafka does not say within REACHED_S_MAX, or `stopping` is set first.
        """
        deadline = time.monotonic() + REACHED_S_MAX
        while partitions:
            try:
                found = self._consumer.committed(list(partitions), timeout=REACHED_LOOK_S)
                failed = [one.error for one in found if one.error is not None]
                if not failed:
                    return found
                raise KafkaException(failed[0])
            except KafkaException as error:
                code = kafka_error(error).code()
                if code not in OPEN_COMMIT or stopping.is_set() or time.monotonic() > deadline:
                    raise
                why = kafka_error(error).name()
                log.warning("waiting for offsets", extra={"group": self._group, "why": why})
                stopping.wait(COMMIT_RETRY_S)
        return []

    def joined(self, metadata: Any) -> None:
        """A new assignment, with the group metadata that fences its commits."""
        self.metadata = metadata
        self._confirmed_at = time.monotonic()

    @property
    def problem(self) -> str | None:
        """Why no commit has succeeded for COMMITTING_S_MAX; None where one has, or none is due. For any thread."""
        since = self._committing_since
        silent_s = 0.0 if since is None else time.monotonic() - since
        if silent_s < COMMITTING_S_MAX:
            return None
        return f"no commit has succeeded for {silent_s:.0f} s: {self._why}"

    def confirmed(self) -> bool:
        """Whether the coordinator confirmed our membership within half a session."""
        return time.monotonic() < self._confirmed_at + self._confirmed_s

    def doubt(self) -> None:
        """Nothing is confirmed until a commit goes through."""
        self._confirmed_at = LONG_AGO_S

    def commit_due(self, assigned: Iterable[Assigned]) -> None:
        """Commits where there is something to commit and it is time. Raises FatalKafkaError."""
        self._collect()
        now = time.monotonic()
        busy = [one for one in assigned if one.buffered]
        if busy and now > self._confirmed_at + self._confirmed_s / 2:
            self.dirty.update(busy)
        soon = (
            self._waiting or not busy
        )  # intents hold up their records; idle lanes wait for nothing
        if self.dirty and (
            now >= self._commit_at or (soon and self._commit_at <= now + COMMIT_INTERVAL_S)
        ):
            self._commit_at = now + COMMIT_INTERVAL_S
            self._commit()

    def commit_last(self) -> None:
        """Before partitions leave: whatever is finished, in a few tries. Raises FatalKafkaError."""
        for _ in range(LAST_COMMITS_MAX):
            self._collect()
            if not self.dirty or self._commit():
                return

    def forget_lost(self) -> None:
        """Drops the outcomes of partitions that are not ours any more."""
        self._collect()
        self._unsent = [one for one in self._unsent if not one.entries[0].assigned.lost]
        self.dirty = {one for one in self.dirty if not one.lost}
        self._fail_waiting()
        if not self.dirty:
            self._committing_since = None

    # ---- inside --------------------------------------------------------------------------------------------------
    def _collect(self) -> None:
        while self.outcomes:
            settled = self.outcomes.popleft()
            assigned = settled.entries[0].assigned
            if assigned.lost:
                continue
            for entry in settled.entries:
                assigned.progress.finish(entry.offset)
            assigned.settled += len(settled.entries)
            self._unsent.append(settled)
            self.dirty.add(assigned)
        while self.intents:
            self._take_intent(*self.intents.popleft())

    def _take_intent(self, entry: Entry, future: "asyncio.Future[None] | None") -> None:
        """An intent that nobody waits for any more, or that has no room, is none: it must not be committed."""
        progress = entry.assigned.progress
        if future is None:
            progress.retract(entry.offset)
        elif future.cancelled():
            return
        else:
            try:
                progress.intend(entry.offset)
            except OverflowError as error:
                self._resolve([future], IntentError(str(error)))
                return
            self._waiting.append((entry, future))
        if not entry.assigned.lost:
            self.dirty.add(entry.assigned)

    def _forget_cancelled(self) -> None:
        """Whoever was cancelled while waiting sends nothing."""
        cancelled = [one for one in self._waiting if one[1].cancelled()]
        if cancelled:
            self._waiting = [one for one in self._waiting if one not in cancelled]
            self._retract(cancelled)

    @staticmethod
    def _retract(waiting: "list[tuple[Entry, asyncio.Future[None]]]") -> None:
        """Nothing was sent. What an earlier owner was about to send stays in doubt."""
        for entry, _ in waiting:
            if not entry.intended:
                entry.assigned.progress.retract(entry.offset)

    def _commit(self) -> bool:
        self._forget_cancelled()
        outputs = [output for settled in self._unsent for output in settled.outputs]
        outputs += self._effects()
        offsets = [
            TopicPartition(
                self._topic, one.partition, one.progress.position, one.progress.metadata()
            )
            for one in self.dirty
            if one.progress.position is not None
        ]
        asked_at = time.monotonic()
        if self._committing_since is None:
            self._why, self._committing_since = "the first try is under way", asked_at
        try:
            self._committer.commit(outputs, offsets, self.metadata)
        except CommitFailedError as error:
            return self._uncommitted(error)
        except ProducerBrokenError as error:
            self._reopen(error)
            if not self._took_place(offsets):
                return self._uncommitted(CommitFailedError(str(error)))
        self._confirmed_at = asked_at if offsets else self._confirmed_at
        self._committed()
        return True

    def _effects(self) -> list[Output]:
        """What the ledger gets: one message per partition, for all that had their effect since the last commit."""
        if self._ledger is None:
            return []
        ids: dict[int, list[bytes]] = {}
        for settled in self._unsent:
            if settled.effects:
                ids.setdefault(settled.entries[0].assigned.partition, []).extend(settled.effects)
        return [
            Output(self._ledger, None, packed(some), partition=partition)
            for partition, some in ids.items()
        ]

    def _committed(self) -> None:
        self._commits.inc()
        self._committing_since = None
        done, self._unsent, self.dirty = self._unsent, [], set()
        for settled in done:
            settled.committed()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._resolve([future for _, future in waiting], None)

    def _uncommitted(self, error: CommitFailedError) -> bool:
        """Outcomes stay for the next try, or fall with their partition."""
        metrics.ABORTS.labels(self._group, metrics.reason_label(str(error))).inc()
        log.warning("commit failed", extra={"group": self._group, "why": str(error)})
        if error.group_lost:
            self.doubt()
        self._commit_at = time.monotonic() + COMMIT_INTERVAL_S + COMMIT_RETRY_S
        self._fail_waiting()
        self._why = str(error)
        if self.problem is not None and self._ledger_is_gone():
            self._why = f"{self._ledger} is gone: create it with as many partitions as {self._topic} has ({error})"
        return False

    def _ledger_is_gone(self) -> bool:
        """Whether Kafka says that there is no such topic."""
        if self._ledger is None:
            return False
        try:
            found = self._consumer.list_topics(self._ledger, timeout=LOOK_S_MAX).topics
        except KafkaException:
            return False  # then Kafka is what is missing, and the commit's own error says so
        known = found.get(self._ledger)
        return known is None or known.error is not None

    def _fail_waiting(self) -> None:
        """Retracts before the futures fail: the next commit must not name what was never sent."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._retract(waiting)
            self._resolve([future for _, future in waiting], IntentError("intent not committed"))

    def _resolve(self, futures: Futures, error: IntentError | None) -> None:
        self._loop.call_soon_threadsafe(_resolve, futures, error)

    def _reopen(self, error: ProducerBrokenError) -> None:
        """A new producer, which settles what the old one left open. Again and again is fatal."""
        now = time.monotonic()
        if len(self._reopened) == REOPENS_MAX and now - self._reopened[0] < REOPEN_S:
            raise fatal(error, self._group) from error
        self._reopened.append(now)
        log.error("producer replaced", extra={"group": self._group, "why": str(error)})
        while True:
            try:
                self._committer.open()
                return
            except KafkaException as again:
                if kafka_error(again).fatal() or time.monotonic() - now > PATIENCE_S:
                    raise fatal(again, self._group) from again
                time.sleep(COMMIT_RETRY_S)

    def _took_place(self, offsets: list[TopicPartition]) -> bool:
        """Whether a commit whose end we did not see did take place: offset and metadata say so."""
        wanted = {(p.partition, p.offset, p.metadata or "") for p in offsets}
        asked = [TopicPartition(self._topic, p.partition) for p in offsets]
        try:
            found = self._consumer.committed(asked, timeout=KAFKA_TIMEOUT_S)
        except KafkaException as again:
            raise fatal(again, self._group) from again
        return wanted == {(p.partition, p.offset, p.metadata or "") for p in found}


def _resolve(futures: Futures, error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
