"""Batches: the first records of different lanes, carried out together, each with an outcome of its own.

    lane's first record ──Join──▶ queue ──its turn has come──▶ batch ──an outcome per record──▶ the lanes go on

A queue is open until its batch takes its turn at the rate limiter: a slow limit makes full batches, no limit makes
none wait. Records that wait in a queue are not in flight: a partition that leaves takes its own with it at once. From
`Batch.take` on they are, and the partitions that share a batch are told apart: one that has gone costs the others no
more than another try.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.kit.base.clock import Clock
from connectors.kit.base.permit import WithdrawnError
from connectors.kit.lanes.lane import CONFIRM_LOOK_S, Lane, faulted
from connectors.kit.lanes.work import Assigned, Entry, Feed, Join, Later, Outcome, Outcomes

LINGER_LOOK_S = 0.02
log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Ticket:
    """A lane that waits in a queue or is in a batch. `gone`: its partition was given away meanwhile."""

    lane: Lane
    join: Join
    joined_at: float
    gone: bool = False

    @property
    def records(self) -> int:
        return len(self.join.entries)

    @property
    def startable(self) -> bool:
        return not (self.lane.assigned.draining or self.lane.assigned.lost)


@dataclass(eq=False, slots=True)
class Queue:
    """Lanes that wait for the same batches; bounded by the feed's buffer."""

    key: Hashable
    join: Join  # the first one's: how its batches are carried out, and their limits
    waiting: deque[Ticket] = field(default_factory=deque)
    records: int = 0  # of all that wait
    batches: "dict[asyncio.Task[None], OpenBatch]" = field(default_factory=dict)

    def next_up(self) -> list[Ticket]:
        """What a batch would take now: in order, within the limits, and nothing twice that must stay apart."""
        limits = self.join.limits
        found: list[Ticket] = []
        apart: set[Hashable] = set()
        items = size = 0
        for ticket in self.waiting:
            join = ticket.join
            if not ticket.startable or (join.apart is not None and join.apart in apart):
                continue
            items += ticket.records
            size += join.size_bytes
            too_many = items > limits.items_max or size > (limits.bytes_max or size)
            if found and too_many:
                break
            found.append(ticket)
            apart.add(join.apart)
        return found

    def more_than(self, records: int) -> bool:
        """Whether more than so many may start."""
        if self.records <= records:
            return False
        found = 0
        for ticket in self.waiting:
            found += ticket.records if ticket.startable else 0
            if found > records:
                return True
        return False

    def keep(self, tickets: Iterable[Ticket]) -> None:
        """These wait, and no others."""
        self.waiting = deque(tickets)
        self.records = sum(ticket.records for ticket in self.waiting)


class OpenBatch:
    """One batch, and whether it may be sent. `take` when its turn has come: until then records may join.

    `reading`: the next request changes nothing, so it may be sent though some of the records are another's by now.
    """

    def __init__(self, queue: Queue, home: "Home", clock: Clock) -> None:
        self._queue = queue
        self._home = home
        self._clock = clock
        self.tickets: tuple[Ticket, ...] | None = None
        self.reading = False
        self._used = False

    # ---- for the one who carries it out --------------------------------------------------------------------------
    def look(self) -> tuple[Entry, ...]:
        """The records that would be sent if the turn came now. Raises WithdrawnError where there are none left."""
        return _entries(self._next_up())

    def take(self) -> tuple[Entry, ...]:
        """The turn has come: these records are in flight from now on. Raises WithdrawnError where none is left."""
        tickets = self._next_up()
        chosen = set(tickets)
        self._queue.keep(one for one in self._queue.waiting if one not in chosen)
        self.tickets = tuple(tickets)
        self._home.begun([ticket.lane for ticket in tickets])
        return _entries(tickets)

    @property
    def taken(self) -> tuple[Entry, ...] | None:
        """The records in flight; None before `take`."""
        return None if self.tickets is None else _entries(self.tickets)

    def _next_up(self) -> list[Ticket]:
        tickets = self._queue.next_up()
        if not tickets:
            raise WithdrawnError
        return tickets

    # ---- permit --------------------------------------------------------------------------------------------------
    def given(self) -> bool:
        """Raises WithdrawnError where nothing of it is ours any more, and before a write where not all of it is. Until
        something is sent, what is about to leave is not ours either: the others go on without it.
        """
        if self.tickets is None:
            self._next_up()
        else:
            gone = [self._leaves(one) for one in self.tickets]
            if all(gone) or (any(gone) and not self.reading):
                raise WithdrawnError
        return self._home.feed.confirmed()

    async def wait(self) -> None:
        while not self.given():
            await self._clock.sleep(CONFIRM_LOOK_S)

    def used(self) -> None:
        """From now on all of it is carried out to its end, but for what is lost."""
        self._used = True

    def _leaves(self, ticket: Ticket) -> bool:
        assigned = ticket.lane.assigned
        return ticket.gone or assigned.lost or (assigned.draining and not self._used)


class Home(Protocol):
    """The lanes, as the batches see them."""

    feed: Feed

    def begun(self, lanes: Sequence[Lane]) -> None:
        """These are in flight."""

    def ended(self, lane: Lane) -> None:
        """It is not in flight any more."""

    def concluded(self, lane: Lane, outcomes: Sequence[Outcome]) -> None:
        """Outcomes of the lane's first records, in order."""

    def failed(self, error: BaseException) -> None:
        """A batch ended by a fault: its lanes will not go on."""


class Batches:
    """All queues of one engine's lanes."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._queues: dict[Hashable, Queue] = {}
        self._lines: dict[str, asyncio.Semaphore] = {}

    def join(self, lane: Lane, join: Join) -> None:
        queue = self._queues.get(join.queue)
        if queue is None:
            queue = self._queues[join.queue] = Queue(join.queue, join)
        queue.waiting.append(Ticket(lane, join, self._clock.monotonic_s()))
        queue.records += len(join.entries)
        self._open(queue)

    def abandon(self, gone: Iterable[Assigned]) -> None:
        """These partitions were given away: nothing of them starts any more, outcomes of what has are dropped."""
        left = set(gone)
        for queue in list(self._queues.values()):
            queue.keep(one for one in queue.waiting if one.lane.assigned not in left)
            for task, batch in queue.batches.items():
                self._abandon(task, batch, left)
            self._forget_idle(queue)

    async def stop(self) -> None:
        """Ends all tasks. Call it once the feed has ended: then nothing is in flight."""
        tasks = [task for queue in self._queues.values() for task in queue.batches]
        self._queues.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- inside --------------------------------------------------------------------------------------------------
    def _abandon(self, task: "asyncio.Task[None]", batch: OpenBatch, left: set[Assigned]) -> None:
        tickets = batch.tickets or ()
        for ticket in tickets:
            ticket.gone = ticket.gone or ticket.lane.assigned in left
        if tickets and all(ticket.gone for ticket in tickets):
            task.cancel()  # its lanes are in flight until it has ended
            return
        for ticket in tickets:
            if ticket.gone:
                self._home.ended(ticket.lane)

    def _open(self, queue: Queue) -> None:
        """Another batch, where what waits is more than those take that are still open."""
        limits = queue.join.limits
        if len(queue.batches) >= limits.parallel_max:
            return
        still_open = sum(batch.tickets is None for batch in queue.batches.values())
        if queue.more_than(still_open * limits.items_max):
            batch = OpenBatch(queue, self._home, self._clock)
            task = asyncio.create_task(self._run(queue, batch), name=f"batch-{queue.join.line}")
            queue.batches[task] = batch
            task.add_done_callback(lambda done: self._ended(queue, done))

    def _ended(self, queue: Queue, task: "asyncio.Task[None]") -> None:
        queue.batches.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._home.failed(error)
        if self._queues.get(queue.key) is queue:
            self._open(queue)
            self._forget_idle(queue)

    def _forget_idle(self, queue: Queue) -> None:
        if not queue.waiting and not queue.batches:
            self._queues.pop(queue.key, None)

    async def _run(self, queue: Queue, batch: OpenBatch) -> None:
        line = queue.join.line
        slots = self._lines.get(line)
        if slots is None:
            slots = self._lines[line] = asyncio.Semaphore(queue.join.limits.parallel_max)
        async with slots:
            await self._linger(queue)
            try:
                outcomes = await self._outcomes(queue, batch)
                self._conclude(batch, outcomes)
            finally:
                for ticket in batch.tickets or ():
                    self._home.ended(ticket.lane)
            if outcomes is None:
                self._requeue(queue, batch)

    async def _linger(self, queue: Queue) -> None:
        limits = queue.join.limits
        while queue.waiting and not queue.more_than(limits.items_max - 1):
            age_s = self._clock.monotonic_s() - queue.waiting[0].joined_at
            if age_s >= limits.linger_s:
                return
            await self._clock.sleep(min(limits.linger_s - age_s, LINGER_LOOK_S))

    async def _outcomes(self, queue: Queue, batch: OpenBatch) -> Outcomes | None:
        """None: not carried out to its end, because partitions left; what is still ours waits again."""
        try:
            return await queue.join.carry_out(batch)
        except WithdrawnError:
            return None
        except Exception:
            log.exception("batch failed", extra={"line": queue.join.line})
        entries = batch.taken
        if entries is None and queue.next_up():
            entries = batch.take()
        return {entry: faulted(entry) for entry in entries or ()}

    def _conclude(self, batch: OpenBatch, outcomes: Outcomes | None) -> None:
        if outcomes is None:
            return
        for ticket in batch.tickets or ():
            if not ticket.gone:
                entries = ticket.join.entries
                found = [outcomes.get(one) or faulted(one) for one in entries]
                _done_again(entries, found)
                self._home.concluded(ticket.lane, found)

    def _requeue(self, queue: Queue, batch: OpenBatch) -> None:
        """What is still ours goes first."""
        left = [ticket for ticket in batch.tickets or () if not ticket.gone]
        queue.keep([*left, *queue.waiting])


def _done_again(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
    """Behind a record of the lane that is sent again all are: in their order what they came to is void."""
    again = False
    for entry, outcome in zip(entries, outcomes, strict=True):
        if again:
            entry.end = None
        again = again or (isinstance(outcome, Later) and entry.end is None)


def _entries(tickets: Iterable[Ticket]) -> tuple[Entry, ...]:
    return tuple(entry for ticket in tickets for entry in ticket.join.entries)
