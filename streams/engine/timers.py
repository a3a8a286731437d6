"""Due times of one fold in one partition. The truth is the state; this is only an index of it.

In memory all due times stand in a heap. Where the state is on disk, so are they, in order; then the heap holds the
earliest of them, up to `_reach`.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from streams.engine.rows import Due, DueIndex
from streams.engine.store import FoldStore, Held, UnreadableStateError, timers_of

_Changes = tuple[list[Due], list[Due], dict[Due, bool]]

PAGE = 10_000  # entries taken from disk at once
HEAP_MAX = 50_000  # entries in memory at a commit, where there is a disk
STALE_MAX = 10_000  # entries that are looked at once without a timer to fire


class Timers:
    """A heap of due times; entries that the state no longer agrees with are skipped when they come up."""

    def __init__(self, states: FoldStore, index: DueIndex | None = None) -> None:
        self._states = states
        self._index = index
        self._heap: list[Due] = []
        self._reach: Due | None = None  # every entry up to it is in the heap; None: every entry is
        # Since the last commit. An abort takes the noted ones back and brings the popped ones again. The disk lacks
        # both: to it only the last counts that was done to an entry (True: noted).
        self._noted: list[Due] = []
        self._popped: list[Due] = []
        self._last: dict[Due, bool] = {}
        self._sealed: _Changes | None = None  # all three, of what is being committed

    def restored(self, entries: Mapping[str, bytes | None]) -> None:
        """Changelog entries of the states: their due times go to disk, if that is where they are kept."""
        if self._index is None:
            return
        added: list[Due] = []
        for key, raw in entries.items():
            try:
                timers = timers_of(raw) if raw is not None else {}
            except UnreadableStateError as error:
                self._states.unreadable.note(error.reason)
                continue
            added.extend((due, key, name) for name, due in timers.items())
        if added:
            self._index.write(added, ())

    def rebuild(self) -> None:
        """From the restored state."""
        self._heap, self._reach = [], None
        if self._index is not None:
            self._load(None)
            return
        for key, timers in self._states.timed():
            self._heap.extend((due, key, name) for name, due in timers.items())
        heapq.heapify(self._heap)

    def note(self, key: str, due_ms: Mapping[str, int]) -> None:
        """Timers of a key that were set anew. Those that stay as they are stand in the heap already."""
        for name, due in due_ms.items():
            entry = (due, key, name)
            if self._reach is None or entry <= self._reach:
                heapq.heappush(self._heap, entry)
            self._noted.append(entry)
            self._keep(entry, noted=True)

    def _keep(self, entry: Due, *, noted: bool) -> None:
        if self._index is not None:
            self._last[entry] = noted

    def due(self, now_ms: int, at_most: int) -> Iterator[tuple[Due, Held[Any]]]:
        """Timers that are due, earliest first. The caller changes the state before it asks for the next.

        One whose state cannot be read stays as it is, for a version that can; it is tried again after a restart.
        Ends early behind `STALE_MAX` entries that came to nothing: `next_due_ms` tells whether there are more.
        """
        seen = stale = 0
        while seen < at_most and stale < STALE_MAX and self._earliest(now_ms) is not None:
            entry = heapq.heappop(self._heap)
            try:
                held = self._states.get(entry[1])
            except UnreadableStateError:
                stale += 1
                continue
            self._popped.append(entry)
            self._keep(entry, noted=False)
            if held is None or held.timers.get(entry[2]) != entry[0]:
                stale += 1
                continue
            seen += 1
            yield entry, held

    def _earliest(self, now_ms: int) -> int | None:
        due = self.next_due_ms()
        return due if due is not None and due <= now_ms else None

    def next_due_ms(self) -> int | None:
        """When the next timer may be due; None where there is none."""
        while not self._heap and self._reach is not None:
            self._load(self._reach)
        return self._heap[0][0] if self._heap else None

    def _load(self, after: Due | None) -> None:
        """The next entries from disk, and those noted among them that it does not have yet."""
        if self._index is None:
            return
        page = self._index.page(after, PAGE)
        self._reach = page[-1] if len(page) == PAGE else None
        sealed = self._sealed[0] if self._sealed else []
        fresh = [
            entry
            for entry in (*sealed, *self._noted)
            if (after is None or entry > after) and (self._reach is None or entry <= self._reach)
        ]
        self._heap.extend(page + fresh)
        heapq.heapify(self._heap)

    def seal(self) -> None:
        """As `Store.seal`."""
        self._sealed = (self._noted, self._popped, self._last)
        self._noted, self._popped, self._last = [], [], {}

    def commit(self) -> None:
        """As `Store.commit`."""
        if self._sealed is None:
            self.seal()
        last = self._sealed[2] if self._sealed else {}
        self._sealed = None
        if self._index is not None and last:
            added = [entry for entry, noted in last.items() if noted]
            self._index.write(added, [entry for entry, noted in last.items() if not noted])
            if len(self._heap) > HEAP_MAX:
                self._heap = heapq.nsmallest(PAGE, self._heap)
                self._reach = self._heap[-1]

    def abort(self) -> None:
        """As `Store.abort`."""
        sealed = self._sealed[1] if self._sealed else []
        noted = Counter((*(self._sealed[0] if self._sealed else ()), *self._noted))
        if noted:
            self._heap = [entry for entry in self._heap if not _taken(noted, entry)]
            heapq.heapify(self._heap)
        for entry in (*sealed, *self._popped):
            if not _taken(noted, entry):  # set and fired since the last commit: neither took place
                heapq.heappush(self._heap, entry)
        self._sealed = None
        self._noted.clear()
        self._popped.clear()
        self._last.clear()


def _taken(noted: Counter[Due], entry: Due) -> bool:
    """One of the entries that were noted, each as often as it was."""
    if not noted[entry]:
        return False
    noted[entry] -= 1
    return True
