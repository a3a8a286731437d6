"""Sizes of what the worker holds, as metrics: published between two transactions, never per record."""

import itertools
from collections import Counter
from collections.abc import Mapping

from gridwire import metrics
from streams.engine.plan import Plan
from streams.engine.references import References
from streams.engine.task import Task

SAMPLED_ROWS = 100  # of each store and partition, to estimate bytes by
BYTES_EVERY = 30  # publications: looking at rows costs more than counting them


class Gauges:
    """Publishes for one worker. What it holds nothing of any more shows as 0."""

    def __init__(self, plan: Plan, group: str) -> None:
        self._stores = plan.stores
        self._legs = {leg.label: (leg.flow, leg.leg.name) for leg in plan.legs}
        self._group = group
        self._published = 0

    def publish(
        self, tasks: Mapping[int, Task], references: References, *, queued: int, now_ms: int
    ) -> None:
        """`tasks`: those that are ready, with nothing uncommitted; `queued`: messages in the producer."""
        metrics.PRODUCER_QUEUE.labels(self._group).set(queued)
        self._rows(tasks, references)
        self._waiting(tasks, now_ms)
        if self._published % BYTES_EVERY == 0:
            self._bytes(tasks)
        self._published += 1

    def _rows(self, tasks: Mapping[int, Task], references: References) -> None:
        for name in self._stores:
            count = sum(len(task.state.stores[name]) for task in tasks.values())
            metrics.TABLE_ROWS.labels(name).set(count)
        for name, reference in references.by_name.items():
            metrics.TABLE_ROWS.labels(name).set(len(reference))

    def _bytes(self, tasks: Mapping[int, Task]) -> None:
        for name in self._stores:
            estimates = (_estimated(task, name) for task in tasks.values())
            metrics.TABLE_BYTES.labels(name).set(sum(estimates))

    def _waiting(self, tasks: Mapping[int, Task], now_ms: int) -> None:
        parked: Counter[str] = Counter(dict.fromkeys(self._legs, 0))
        late_ms = 0
        for task in tasks.values():
            parked.update(task.parked_by_leg())
            due_ms = task.next_due_ms()
            if due_ms:  # 0: something is to be done at once, and was never late
                late_ms = max(late_ms, now_ms - due_ms)
        for label, count in parked.items():
            if label in self._legs:
                metrics.PARKED_RECORDS.labels(*self._legs[label]).set(count)
        metrics.TIMERS_LATE.labels(self._group).set(late_ms / 1000)


def _estimated(task: Task, store: str) -> float:
    """Bytes of keys and rows, by the mean of some of them."""
    rows = task.state.stores[store].rows
    some = [len(key) + len(row) for key, row in itertools.islice(rows.items(), SAMPLED_ROWS)]
    return sum(some) / len(some) * len(rows) if some else 0.0
