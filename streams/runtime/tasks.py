"""The tasks of this worker: those that are ready, and those whose state is being restored.

A restore goes on in steps between two polls of the group (see `streams.runtime.restore`): whatever the group decides
meanwhile is noticed, and partitions that go again are not restored any further. A step asks where the changelogs end,
or reads for a while, or builds what is derived from the rows of a partition. All partitions are ready at once, when the
last of them is whole.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaException

from gridwire import kafka, metrics
from gridwire.settings import KafkaSettings
from streams.engine.rows import Home, MemoryHome
from streams.engine.task import Task
from streams.runtime.clean_stop import Marker, Place, now_ms
from streams.runtime.disk import Disk
from streams.runtime.disk_home import DiskHome
from streams.runtime.marks import MARKER_MS_MAX, Marks, distrusted
from streams.runtime.restore import (
    IDLE_S_MAX,
    Changelog,
    Entries,
    Outage,
    Patience,
    Restore,
    RestoreError,
    nothing_away,
)

log = logging.getLogger(__name__)
Ends = Mapping[tuple[str, int], tuple[int, int]]  # first and next offset by (topic, partition)


@dataclass(slots=True)
class _Coming:
    """A partition whose state is not there yet."""

    task: Task
    home: Home
    began_at: float = field(default_factory=time.monotonic)
    read_from: dict[str, Place] = field(default_factory=dict)  # by store
    read_to: dict[str, Place] = field(default_factory=dict)
    whole: bool = False  # all is read, and what is derived from it is built


class Tasks:
    """By partition. `changelogs`: store → topic. `disk`: None keeps all state in memory.

    `make(partition, home)` makes a task over the stores of a home.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        changelogs: Mapping[str, str],
        make: Callable[[int, Home], Task],
        disk: Disk | None = None,
    ) -> None:
        self.ready: dict[int, Task] = {}
        self._settings = settings
        self._changelogs = changelogs
        self._make = make
        self._disk = disk
        self._homes: dict[int, Home] = {}
        self._coming: dict[int, _Coming] = {}
        self._restore: Restore | None = None
        self._asking: Patience | None = None  # while the ends of changelogs are not told
        self.outage: Outage = nothing_away  # what a restore need not hurry for
        self._sound = True  # False: a commit was taken over in part
        # Without transactions nothing fences a worker that was frozen: what it wrote last proves nothing.
        lasting = disk is not None and settings.delivery == "exactly_once"
        self._marks = Marks(settings) if lasting else None
        if disk is not None:
            disk.prune(now_ms() - MARKER_MS_MAX)

    # -- coming and going -----------------------------------------------------------------------------------
    def assigned(self, partitions: Iterable[int]) -> None:
        """Begins to restore those that are new. Raises StateError."""
        for partition in sorted(partitions):
            if partition in self.ready or partition in self._coming:
                continue
            home = MemoryHome() if self._disk is None else self._disk.open(partition)
            self._homes[partition] = home
            self._coming[partition] = _Coming(self._make(partition, home), home)
            self._stop_restore()

    def revoked(self, left: set[int]) -> None:
        """Only `left` stay. Raises StateError."""
        for partition in [*self.ready, *self._coming]:
            if partition not in left:
                self._gone(partition)

    def _gone(self, partition: int) -> None:
        self.ready.pop(partition, None)
        if self._coming.pop(partition, None) is not None:
            self._stop_restore()
        home = self._homes.pop(partition)
        if isinstance(home, DiskHome):
            home.close(self._marks.end(partition) if self._marks and self._sound else None)

    def again(self) -> None:
        """Restores everything anew: whether the last commit took place is not known. Raises StateError."""
        partitions = [*self.ready, *self._coming]
        self.revoked(set())
        self.assigned(partitions)

    def close(self) -> None:
        """The worker ends, with everything committed or aborted. Raises StateError."""
        self.revoked(set())

    # -- restoring --------------------------------------------------------------------------------------------
    @property
    def restoring(self) -> bool:
        """Whether state is missing that partitions of this worker need."""
        return bool(self._coming)

    def told(self) -> str:
        """How far the restore is, for people."""
        restore = self._restore  # asked in the event loop, while the Kafka thread may end it
        shares = restore.shares.values() if restore else ()
        total, left = sum(share.total for share in shares), sum(share.left for share in shares)
        done = f", {100 * (1 - left / total):.0f}% read" if total else ""
        return f"state of {len(self._coming)} partitions is being restored{done}"

    def step(self, seconds: float) -> bool:
        """Restores for about so long; True once every task is ready. Raises RestoreError, StateError."""
        if not self._coming:
            return True
        until = time.monotonic() + seconds
        if self._restore is None:
            self._restore = self._begin()
        if self._restore is None or not self._restore.step(seconds) or not self._built(until):
            return False
        began_at = min(coming.began_at for coming in self._coming.values())
        for partition in list(self._coming):
            self.ready[partition] = self._coming.pop(partition).task
        metrics.RESTORE_DURATION.set(time.monotonic() - began_at)
        self._stop_restore()
        return True

    def _built(self, until: float) -> bool:
        """Builds what is derived from rows that are all there, a partition at least; whether that is done for all."""
        for partition, coming in self._coming.items():
            if coming.whole:
                continue
            coming.task.restored()
            coming.whole = True
            if self._marks is not None:
                self._marks.begin(partition, coming.read_to)
            if time.monotonic() >= until:
                break
        return all(coming.whole for coming in self._coming.values())

    def _asked(self, partitions: Sequence[int]) -> Ends | None:
        """Where the changelogs begin and end; None where the brokers do not say just now. Raises RestoreError."""
        topics = sorted(set(self._changelogs.values()))
        try:
            ends = kafka.watermarks(self._settings, [(t, p) for t in topics for p in partitions])
        except KafkaException as error:
            self._asking = self._asking or Patience(self.outage)
            self._asking.looked()
            if self._asking.idle_s > IDLE_S_MAX:
                raise RestoreError(
                    f"where the changelogs end cannot be asked ({error.args[0].name()}): are they there "
                    "(`gridwire topics --apply` creates them), and the brokers up?"
                ) from error
            time.sleep(kafka.ASK_PAUSE_S)
            return None
        self._asking = None
        return ends

    def _begin(self) -> Restore | None:
        """None where it is to be tried again. Partitions that are whole are not read once more. Raises RestoreError."""
        partitions = sorted(p for p, coming in self._coming.items() if not coming.whole)
        began_ms = now_ms()
        ends = self._asked(partitions)
        if ends is None:
            return None
        topics = sorted(set(self._changelogs.values()))
        ids = kafka.topic_ids(self._settings, topics) if self._marks else {}
        wanted: list[Changelog] = []
        for partition in partitions:
            starts = self._starts(partition, ends, ids)
            coming = self._coming[partition]
            for store, topic in self._changelogs.items():
                start, (_, end) = starts[store], ends[topic, partition]
                wanted.append(Changelog(topic, partition, store, start, end))
                coming.read_to[store] = Place(topic, ids.get(topic, ""), end)
                coming.read_from[store] = Place(topic, ids.get(topic, ""), start)
            if self._marks is not None:
                marker = self._marker(partition)
                as_of_ms = began_ms if marker is None else marker.stopped_at_ms
                self._marks.begin(partition, coming.read_from, as_of_ms)  # until all is read
        return Restore(self._settings, wanted, self._apply, self.outage)

    def _starts(
        self,
        partition: int,
        ends: Ends,
        ids: Mapping[str, str],
    ) -> Mapping[str, int]:
        """From which offset each store is read: where a clean stop left it, or from the beginning."""
        home = self._homes[partition]
        nothing = dict.fromkeys(self._changelogs, 0)
        if not isinstance(home, DiskHome):
            return nothing
        why = distrusted(home.marker, self._settings.partitions, ends, ids)
        if why is not None or home.marker is None:
            log.info("state on disk is rebuilt", extra={"partition": partition, "reason": why})
            if home.marker is not None or self._coming[partition].read_from:
                home.discard()  # also what an earlier try has read: rows may have been deleted since
            return nothing
        known = home.marker.places
        for store in self._changelogs.keys() - known.keys():
            home.forget(store)  # of an earlier time, when this store was in use
        return nothing | {s: place.offset for s, place in known.items() if s in nothing}

    def _marker(self, partition: int) -> Marker | None:
        """Of the clean stop from which a restore reads on; None where it reads everything."""
        home = self._homes[partition]
        return home.marker if isinstance(home, DiskHome) else None

    def _apply(self, store: str, partition: int, entries: Entries) -> None:
        self._coming[partition].task.state.restore(store, entries)

    def _stop_restore(self) -> None:
        if self._restore is not None:
            self._restore.close()
            self._restore = None

    # -- transactions ------------------------------------------------------------------------------------------
    def before_commit(self) -> None:
        if self._marks is not None:
            self._marks.before_commit()

    def seal(self) -> None:
        """What was drained is being committed."""
        for task in self.ready.values():
            task.seal()

    def committed(self) -> None:
        """Raises StateError."""
        self._sound = False
        for task in self.ready.values():
            task.commit()
        self._sound = True
        self._count_unreadable()
        if self._marks is not None:
            self._marks.after_commit()

    def _count_unreadable(self) -> None:
        for task in self.ready.values():
            for (store, reason), count in task.state.unreadable().items():
                metrics.TABLE_ROWS_UNREADABLE.labels(store, reason).inc(count)

    def aborted(self) -> None:
        for task in self.ready.values():
            task.abort()
        if self._marks is not None:
            self._marks.aborted()

    def partitions(self) -> Sequence[int]:
        """Those that are ready."""
        return sorted(self.ready)
