"""Watches the worker from a thread and with a client of its own: ends of partitions, lag, what has stalled.

It goes on when the event loop or the Kafka thread hangs, so that lag grows in the metrics just then. And it knows
whether Kafka answers at all: where it does not, standing still is no reason to restart.
"""

import logging
import threading
import time
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

from gridwire import kafka, metrics
from gridwire.settings import KafkaSettings
from streams.runtime.broker import TP
from streams.runtime.lag import Lags, Stalled
from streams.runtime.liveness import Liveness

log = logging.getLogger(__name__)

ASK_EVERY_S = 1.0
ASK_S_MAX = 5.0
STOP_S_MAX = 10.0
KAFKA = "Kafka"


class Ends:
    """Asks Kafka where partitions end: one request per broker, whatever the worker's consumer knows."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._reader = kafka.reader(settings)

    def ask(self, partitions: Sequence[TP], *, begins: bool = False) -> dict[TP, int]:
        """The stable end (or the begin) of each partition that has a leader just now.

        Raises KafkaException where Kafka does not answer.
        """
        which = (
            OFFSET_BEGINNING if begins else OFFSET_END
        )  # in the place of a time: as the protocol has it
        asked = [TopicPartition(topic, p, which) for topic, p in partitions]
        answers = self._reader.offsets_for_times(asked, timeout=ASK_S_MAX)
        return {
            (one.topic, one.partition): one.offset
            for one in answers
            if one.error is None and one.offset >= 0
        }

    def close(self) -> None:
        self._reader.close()


class Observer:
    """Feeds `lags` with ends, tells `liveness` of outages, publishes the metrics of lag, logs what stalls once.

    `probe`: a partition to ask for while none is assigned.
    """

    def __init__(self, ends: Ends, group: str, lags: Lags, liveness: Liveness, probe: TP) -> None:
        self._ends = ends
        self._group = group
        self._probe = probe
        self._lags = lags
        self._liveness = liveness
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._shown: set[TP] = set()
        self._stalled: set[TP] = set()
        self._out = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No metric of a partition outlives it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S_MAX)
        self._ends.close()
        self._lags.removed([tp for tp, _ in self._lags.partitions()])
        self.publish(time.time_ns() // 1_000_000)

    def died(self) -> str | None:
        """Why nobody watches any more; None while it does."""
        ended = self._thread.ident is not None and not self._thread.is_alive()
        return "the observer's thread has ended" if ended and not self._stop.is_set() else None

    def _run(self) -> None:
        while not self._stop.wait(ASK_EVERY_S):
            try:
                self.ask()
                self.publish(time.time_ns() // 1_000_000)
            except Exception:
                log.exception("observing failed")
                raise  # health asks whether this thread lives

    def ask(self) -> None:
        """The ends of all assigned partitions, or an outage."""
        partitions = self._lags.partitions()
        unknown = [tp for tp, known in partitions if not known]
        now_ms = time.time_ns() // 1_000_000  # before the answer: what comes meanwhile is newer
        try:
            ends = self._ends.ask([tp for tp, _ in partitions] or [self._probe])
            begins = self._ends.ask(unknown, begins=True) if unknown else {}
        except KafkaException as error:
            self._outage(error)
            return
        if self._out:
            self._out = False
            log.info("Kafka answers again")
        self._liveness.over(KAFKA)
        self._lags.ended(ends, begins, time.monotonic(), now_ms)
        self._lags.waiting([tp for tp, _ in partitions if tp not in ends], time.monotonic())

    def _outage(self, error: KafkaException) -> None:
        self._liveness.outage(KAFKA)
        if not self._out:
            self._out = True
            log.warning("Kafka does not answer", extra={"why": error.args[0].name()})

    def publish(self, now_ms: int) -> None:
        """Lag as metrics; those of partitions that went are removed."""
        figures = self._lags.figures(now_ms)
        for tp, (records, seconds) in figures.items():
            labels = (self._group, tp[0], str(tp[1]))
            metrics.CONSUMER_LAG.labels(*labels).set(records)
            metrics.CONSUMER_LAG_SECONDS.labels(*labels).set(seconds)
        for topic, partition in self._shown - figures.keys():
            metrics.CONSUMER_LAG.remove(self._group, topic, str(partition))
            metrics.CONSUMER_LAG_SECONDS.remove(self._group, topic, str(partition))
        self._shown = set(figures)
        stalled = self._liveness.stalled()
        metrics.STALLED_PARTITIONS.labels(self._group).set(len(stalled))
        self._tell({(one.topic, one.partition): one for one in stalled})

    def _tell(self, stalled: dict[TP, Stalled]) -> None:
        for tp in sorted(stalled.keys() - self._stalled):
            one = stalled[tp]
            where = {"topic": one.topic, "partition": one.partition}
            what = {"position": one.position, "end": one.end, "seconds": round(one.seconds)}
            log.error("partition stalled", extra=where | what)
        for topic, partition in sorted(self._stalled - stalled.keys()):
            log.info("partition moves again", extra={"topic": topic, "partition": partition})
        self._stalled = set(stalled)
