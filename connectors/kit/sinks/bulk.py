"""Commands of one bulk operation, sent together: one request for many, one verdict for each.

    heads of lanes ──▶ queue per operation and group ──turn──▶ bulk steps ──▶ a result per command ──▶ its outcome
                                                                └──▶ refused as a whole: halves, down to one alone

A command that failed shares smaller batches, so that one that makes its whole batch fail costs its neighbours a few
tries, not their delivery: before it is given up it has been tried alone.
"""

import logging
from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from functools import partial

import msgspec

from connectors.kit.base.clock import Clock
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Item,
    ItemResult,
    Operation,
    Rejected,
    Request,
    Response,
    Transient,
)
from connectors.kit.http.calls import Caller, Finished, Refused, Step, Turn
from connectors.kit.lanes.lane import faulted
from connectors.kit.lanes.work import Batch, Entry, Join, Later, Limits, Outcome, Outcomes
from gridwire import metrics

SHRINK_BITS = 2  # with each failure a command shares batches of a quarter of the size
log = logging.getLogger(__name__)

Conclude = Callable[[Entry, ItemResult], Awaitable[Outcome]]
Answered = Sequence[ItemResult]


class BulkDelivery:
    """Sends the bulk operations of one sink.

    `conclude(entry, result)` makes a command's outcome of its result. `failures_max`: with so many it is given up.
    """

    def __init__(self, caller: Caller, conclude: Conclude, failures_max: int, clock: Clock) -> None:
        self._caller = caller
        self._clock = clock
        self._conclude = conclude
        self._failures_max = failures_max
        self._platform = caller.platform.name

    def share(self, entry: Entry, bulk: Bulk) -> int:
        """How many commands may share a batch with this one."""
        if entry.failures >= self._failures_max - 1:
            return 1
        most = bulk.items_max >> SHRINK_BITS * entry.failures
        return max(1, min(most, entry.together_max or bulk.items_max))

    def join(self, entries: Sequence[Entry], operation: Operation) -> Join | None:
        """How a lane's first commands go along with those of other lanes; None: the first goes alone."""
        first, bulk = entries[0], operation.bulk
        if bulk is None or operation.safety_of(body_of(first)) == "unsafe":
            return None
        share = self.share(first, bulk)
        if share == 1:
            return None
        limits = Limits(share, bulk.bytes_max, bulk.linger_s, bulk.parallel_max)
        own = tuple(entries[:share])
        sizes = (len(msgspec.json.encode(body_of(one))) for one in own)
        return Join(
            queue=(operation.name, share, group_of(first, bulk)),
            line=bulk.line or operation.name,
            entries=own,
            carry_out=partial(self._carry_out, operation.name, bulk),
            limits=limits,
            size_bytes=sum(sizes) if bulk.bytes_max else 0,
            apart=bulk.apart(first.record, body_of(first)) if bulk.apart else None,
        )

    def alike(self, entry: Entry, other: Entry, operation: Operation) -> bool:
        """Whether a command behind another in its lane may share its batch."""
        bulk, body = operation.bulk, body_of(other)
        if bulk is None or body is None or other.record.operation != operation.name:
            return False
        return operation.safety_of(body) != "unsafe" and group_of(other, bulk) == group_of(
            entry, bulk
        )

    # ---- one batch -----------------------------------------------------------------------------------------------
    async def _carry_out(self, name: str, bulk: Bulk, batch: Batch) -> Outcomes:
        result = await self._caller.run(_late(bulk, batch, self._clock), batch)
        entries = batch.taken if batch.taken is not None else batch.take()
        metrics.BULK_ITEMS.labels(self._platform, name).observe(len(entries))
        for entry in entries:
            entry.requests += result.requests
        if isinstance(result, Refused) and isinstance(result.verdict, Rejected):
            alone = len(entries) == 1 and not result.by_steps
            if not alone:
                return self._halved(entries)
        found = _results(result, len(entries))
        for one in found:
            if not isinstance(result, Refused):
                self._caller.told(one)
        return {
            entry: await self._outcome(entry, one)
            for entry, one in zip(entries, found, strict=True)
        }

    async def _outcome(self, entry: Entry, result: ItemResult) -> Outcome:
        """A fault while one command is concluded is its own: the others keep their outcomes."""
        try:
            return await self._conclude(entry, result)
        except Exception:
            log.exception("command not concluded", extra={"platform": self._platform})
            return faulted(entry)

    def _halved(self, entries: Sequence[Entry]) -> Outcomes:
        """Refused as a whole, so some of it at least: each half is tried again. One alone that the bulk steps refuse
        goes by its operation's own, which know better what is at fault.
        """
        log.info("batch refused, halved", extra={"platform": self._platform, "count": len(entries)})
        metrics.RETRIES.labels(self._platform, "halved").inc(len(entries))
        for entry in entries:
            entry.together_max = (len(entries) + 1) // 2
        return dict.fromkeys(entries, Later(0.0))


def body_of(entry: Entry) -> object:
    """The operation's field of a command that was read."""
    return getattr(entry.record, entry.record.operation, None)


def group_of(entry: Entry, bulk: Bulk) -> Hashable:
    return bulk.group(entry.record, body_of(entry))


def _items(entries: Sequence[Entry]) -> list[Item]:
    return [Item(entry.record, body_of(entry)) for entry in entries]


def _results(result: Finished[Answered] | Refused, count: int) -> list[ItemResult]:
    """One result per command. A refusal of the whole is everybody's; what the steps left out is tried again."""
    if isinstance(result, Refused):
        return [result.verdict] * count
    missing: list[ItemResult] = [Transient("no result for this command")]
    return [*result.value[:count], *missing * (count - len(result.value))]


def _late(bulk: Bulk, batch: Batch, clock: Clock) -> Generator[Step, Response, Answered]:
    """The operation's steps for what is there once the turn of the first request has come."""
    like = _first(bulk.steps(_items(batch.look())))
    if like is not None:
        yield Turn(like)
    entries = batch.take()
    for entry in entries:
        entry.first_at = clock.monotonic_s() if entry.first_at is None else entry.first_at
    steps = bulk.steps(_items(entries))
    try:
        step = next(steps)
        while True:
            batch.reading = not isinstance(step, Request) or step.method == "GET"
            step = steps.send((yield step))
    except StopIteration as end:
        results: Answered = end.value
        return results
    finally:
        steps.close()


def _first(steps: BulkSteps) -> Request | None:
    """The first request, to know whose budget it draws on; None where there is none to wait for."""
    try:
        step = next(steps)
    except StopIteration:
        return None
    finally:
        steps.close()
    return step if isinstance(step, Request) else None
