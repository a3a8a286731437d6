"""State from its changelogs: read-committed, by position, up to the read-uncommitted end; a step at a time.

The read-committed end lies before records that exist while a transaction is open, and the record at the end may be a
control record that no consumer ever sees: so neither is waited for. Between two steps the worker polls its group: a
restore ends early where the assignment changes or the worker stops.

Patience counts the time in which it was looked: not that of an outage, nor that in which the process was frozen.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message, TopicPartition

from gridwire import kafka, metrics
from gridwire.settings import KafkaSettings

log = logging.getLogger(__name__)

BATCH_MAX = 5_000
POLL_S = 0.1
IDLE_S_MAX = 60.0  # without coming nearer to the end
GAP_S_MAX = 10.0  # between two looks; what is more of it does not count: nothing could run
RESTORE_S_MAX = 3_600.0
TELL_EVERY_S = 5.0
TP = tuple[str, int]
Entries = Mapping[str, bytes | None]


Outage = Callable[[], str | None]  # what is away, or None


class RestoreError(Exception):
    """A changelog could not be read to its end; the message names the fix."""


@dataclass(frozen=True, slots=True)
class Changelog:
    """One partition of a store's changelog, to be read from `start` up to `end` (both offsets, end exclusive)."""

    topic: str
    partition: int
    store: str
    start: int
    end: int


@dataclass(slots=True)
class Share:
    """How far a store is: offsets (which count control records, too), rows and bytes read."""

    total: int = 0
    left: int = 0
    rows: int = 0
    bytes: int = 0
    rows_told: int = 0
    bytes_told: int = 0

    @property
    def ratio(self) -> float:
        return 1.0 if self.total == 0 else 1 - self.left / self.total


def nothing_away() -> None:
    """For whoever is not told of outages."""


class Patience:
    """How long something has been tried: in all, and since it last came nearer. `outage`: while it names something,
    nothing counts, and afterwards there is as much time again.
    """

    def __init__(self, outage: Outage = nothing_away) -> None:
        self._outage = outage
        self._looked_at = time.monotonic()
        self.spent_s = 0.0
        self.idle_s = 0.0

    def looked(self) -> None:
        """It was tried until now."""
        now = time.monotonic()
        since_s = min(now - self._looked_at, GAP_S_MAX)
        self._looked_at = now
        if self._outage() is not None:
            self.idle_s = 0.0
            return
        self.spent_s += since_s
        self.idle_s += since_s

    def nearer(self) -> None:
        self.idle_s = 0.0


@dataclass(slots=True)
class _Read:
    """A partition on its way."""

    changelog: Changelog
    left: int
    entries: dict[str, bytes | None] = field(default_factory=dict)


class Restore:
    """Reads changelogs and hands their entries over: `apply(store, partition, key → value or None)`."""

    def __init__(
        self,
        settings: KafkaSettings,
        changelogs: Sequence[Changelog],
        apply: Callable[[str, int, Entries], None],
        outage: Outage = nothing_away,
    ) -> None:
        self.shares: dict[str, Share] = {c.store: Share() for c in changelogs}
        self._apply = apply
        wanted = [c for c in changelogs if c.start < c.end]
        self._reads = {
            (c.topic, c.partition): _Read(c, c.end - c.start) for c in wanted if c.start < c.end
        }
        for read in self._reads.values():
            self.shares[read.changelog.store].total += read.left
            self.shares[read.changelog.store].left += read.left
        self._patience = Patience(outage)
        self._began_at = self._told_at = time.monotonic()
        self._reader = kafka.reader(settings) if self._reads else None
        self._assigned = [TopicPartition(c.topic, c.partition, c.start) for c in wanted]
        if self._reader is not None:
            self._reader.assign(self._assigned)

    @property
    def done(self) -> bool:
        return all(share.left == 0 for share in self.shares.values())

    @property
    def rows(self) -> int:
        """Entries read so far."""
        return sum(share.rows for share in self.shares.values())

    def step(self, seconds: float) -> bool:
        """Reads on for about so long. True once everything is read. Raises RestoreError."""
        until = time.monotonic() + seconds
        while not self.done:
            self._read()
            now = time.monotonic()
            self._patience.looked()
            self._check()
            if now - self._told_at >= TELL_EVERY_S:
                self._tell(now)
            if now >= until:
                break
        self._expose()
        if self.done:
            self.close()
        return self.done

    def _read(self) -> None:
        if self._reader is None:
            return
        for message in self._reader.consume(BATCH_MAX, POLL_S):
            if message.error() is None:
                self._take(message)
            else:  # a broker that restarts; IDLE_S_MAX bounds how often
                log.warning("restoring: %s", message.error())
        for read in self._reads.values():
            if read.entries:
                self._apply(read.changelog.store, read.changelog.partition, read.entries)
                read.entries = {}
        self._measure(self._reader.position(self._assigned))

    def _take(self, message: Message) -> None:
        read = self._reads[message.topic() or "", message.partition() or 0]
        key, value = message.key(), message.value()
        share = self.shares[read.changelog.store]
        share.rows += 1
        share.bytes += len(value or b"") + len(key or b"")
        try:
            read.entries[(key or b"").decode()] = value
        except UnicodeDecodeError:  # not ours: we write text
            where = {"topic": message.topic(), "offset": message.offset()}
            log.error("changelog entry with a key that is no text", extra=where)  # noqa: TRY400

    def _measure(self, positions: Sequence[TopicPartition]) -> None:
        for place in positions:
            read = self._reads[place.topic, place.partition]
            left = max(0, read.changelog.end - place.offset) if place.offset >= 0 else read.left
            if left < read.left:
                self.shares[read.changelog.store].left -= read.left - left
                read.left = left
                self._patience.nearer()

    def _check(self) -> None:
        if self._patience.idle_s > IDLE_S_MAX:
            behind = min(
                (read for read in self._reads.values() if read.left), key=lambda read: -read.left
            )
            raise RestoreError(
                f"{behind.changelog.topic}/{behind.changelog.partition} has not come nearer to its end for "
                f"{IDLE_S_MAX:.0f} s, {behind.left} offsets are left: is a broker away, or a transaction of "
                "another producer open for that long?"
            )
        if self._patience.spent_s > RESTORE_S_MAX:
            raise RestoreError(
                f"state was not restored within {RESTORE_S_MAX:.0f} s: look whether the changelogs are compacted "
                "(`gridwire topics --apply` compares their configuration), or add partitions of work: more workers"
            )

    def _tell(self, now: float) -> None:
        self._told_at = now
        for store, share in self.shares.items():
            if share.left:
                log.info(
                    "restoring",
                    extra={
                        "store": store,
                        "rows": share.rows,
                        "bytes": share.bytes,
                        "percent": round(100 * share.ratio, 1),
                    },
                )

    def close(self) -> None:
        """Ends it, done or not."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            log.info(
                "restored" if self.done else "restore given up",
                extra={
                    "rows": self.rows,
                    "bytes": sum(share.bytes for share in self.shares.values()),
                    "seconds": round(time.monotonic() - self._began_at, 3),
                },
            )

    def _expose(self) -> None:
        """Into the metrics."""
        for store, share in self.shares.items():
            metrics.RESTORE_PROGRESS.labels(store).set(share.ratio)
            metrics.RESTORED_ROWS.labels(store).inc(share.rows - share.rows_told)
            metrics.RESTORED_BYTES.labels(store).inc(share.bytes - share.bytes_told)
            share.rows_told, share.bytes_told = share.rows, share.bytes
