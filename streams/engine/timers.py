"""Due times of one fold in one partition. The truth is the state; this is only an index of it."""

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

from streams.engine.store import FoldStore, Held

Due = tuple[int, str, str]  # due (epoch ms), key, timer name


class Timers:
    """A heap of due times; entries that the state no longer agrees with are skipped when they come up."""

    def __init__(self, states: FoldStore) -> None:
        self._states = states
        self._heap: list[Due] = []
        self._popped: list[Due] = []  # since the last commit: an abort brings them back

    def rebuild(self) -> None:
        """From the restored state."""
        self._heap = []
        for key in self._states:
            held = self._states.get(key)
            if held is not None:
                self._heap.extend((due, key, name) for name, due in held.timers.items())
        heapq.heapify(self._heap)

    def note(self, key: str, due_ms: Mapping[str, int]) -> None:
        """Timers of a key that were set anew. Those that stay as they are stand in the heap already."""
        for name, due in due_ms.items():
            heapq.heappush(self._heap, (due, key, name))

    def due(self, now_ms: int, at_most: int) -> Iterator[tuple[Due, Held[Any]]]:
        """Timers that are due, earliest first. The caller changes the state before it asks for the next."""
        seen = 0
        while self._heap and self._heap[0][0] <= now_ms and seen < at_most:
            entry = heapq.heappop(self._heap)
            self._popped.append(entry)
            held = self._states.get(entry[1])
            if held is None or held.timers.get(entry[2]) != entry[0]:
                continue
            seen += 1
            yield entry, held

    def next_due_ms(self) -> int | None:
        """When the next timer may be due; None where there is none."""
        return self._heap[0][0] if self._heap else None

    def commit(self) -> None:
        self._popped.clear()

    def abort(self) -> None:
        for entry in self._popped:
            heapq.heappush(self._heap, entry)
        self._popped.clear()
