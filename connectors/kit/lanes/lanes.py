"""Ordered lanes: records of one key are carried out one after another, different keys side by side, within a bound.

    Kafka thread ──arrived──▶ lane per key ──ready──▶ workers ──handle──▶ settled ──▶ Kafka thread commits
                                                             └──Join──▶ batches ──▶ settled

A record that must wait leaves its worker: a timer puts its lane back. One that goes together with those of other lanes
(`batches`) leaves it, too. A lane exists only while it has records.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Hashable, Sequence

from connectors.kit.base.clock import SYSTEM, Clock
from connectors.kit.base.permit import WithdrawnError
from connectors.kit.lanes.batches import Batches
from connectors.kit.lanes.lane import FAULTS_MAX, Lane, LanePermit, faulted
from connectors.kit.lanes.work import Assigned, Entry, Feed, Handler, Join, Later, Outcome, Settled

CANCEL_S = 5.0
log = logging.getLogger(__name__)


class LanesBrokenError(Exception):
    """A worker or a batch ended by a fault: what it left is carried out again after a new start."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"lanes ended by a fault: {type(error).__name__}")


class Lanes:
    """Carries out records with `concurrency` workers. `feed` must be set before records arrive.

    `broken`: resolves with the fault by which a worker or a batch ended. Then all must be started anew.
    """

    feed: Feed
    broken: "asyncio.Future[BaseException]"

    def __init__(self, handler: Handler, concurrency: int, clock: Clock = SYSTEM) -> None:
        self._handler = handler
        self._concurrency = concurrency
        self._clock = clock
        self._lanes: dict[Hashable, Lane] = {}
        self._ready: asyncio.Queue[Lane] = asyncio.Queue()  # bounded by the feed's buffer
        self._in_flight: dict[Assigned, set[Lane]] = {}
        self._idle = asyncio.Event()
        self._batches = Batches(self, clock)
        self._workers: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        self.broken = asyncio.get_running_loop().create_future()
        self._workers = [
            asyncio.create_task(self._work(), name=f"lane-worker-{number}")
            for number in range(self._concurrency)
        ]
        for worker in self._workers:
            worker.add_done_callback(self._worker_ended)

    async def stop(self) -> None:
        """Ends the workers. Call it once the feed has ended: then nothing is in flight."""
        self._stopping = True
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._batches.stop()

    # ---- called for the Kafka thread -----------------------------------------------------------------------------
    def arrived(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if not entry.assigned.draining:
                self._append(entry)

    async def drain(self, leaving: Sequence[Assigned]) -> None:
        for one in leaving:
            one.draining = True
        while any(self._in_flight.get(one) for one in leaving):
            self._idle.clear()
            await self._idle.wait()

    async def drop(self, leaving: Sequence[Assigned]) -> None:
        gone = set(leaving)
        for one in gone:
            one.draining = True
        running = [lane for one in gone for lane in self._in_flight.get(one, ())]
        for lane in running:
            if lane.worker is not None:
                lane.worker.cancel()
        self._batches.abandon(gone)
        try:
            async with asyncio.timeout(CANCEL_S):
                await self.drain(leaving)
        except TimeoutError:
            log.exception("records could not be cancelled", extra={"count": len(running)})
        for key, lane in list(self._lanes.items()):
            if lane.assigned in gone:
                self._forget(key, lane)

    def _forget(self, key: Hashable, lane: Lane) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
        lane.forgotten = True
        lane.entries.clear()
        del self._lanes[key]

    # ---- lanes ---------------------------------------------------------------------------------------------------
    def _append(self, entry: Entry) -> None:
        """To the end of its lane. A record without a key has a lane of its own."""
        assigned = entry.assigned
        key = (assigned, entry.key if entry.key is not None else entry.offset)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, assigned)
            self._ready.put_nowait(lane)
        lane.entries.append(entry)

    def _next(self, lane: Lane) -> None:
        """The lane's first record is through: on with the next, or away with the lane."""
        if lane.entries:
            self._ready.put_nowait(lane)
        else:
            self._lanes.pop(lane.key, None)

    def _delay(self, lane: Lane, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        lane.timer = loop.call_later(delay_s, self._due, lane)

    def _due(self, lane: Lane) -> None:
        lane.timer = None
        if lane.entries and not lane.assigned.draining:
            self._ready.put_nowait(lane)

    def _set_aside(self, lane: Lane, delay_s: float) -> None:
        """Takes the first record out of its lane until later; it comes back at the end."""
        entry = lane.entries.popleft()
        entry.assigned.aside += 1
        key = ("aside", entry.assigned, entry.offset)
        aside = self._lanes[key] = Lane(key, entry.assigned, deque([entry]))
        loop = asyncio.get_running_loop()
        aside.timer = loop.call_later(delay_s, self._back, aside)
        self._next(lane)

    def _back(self, aside: Lane) -> None:
        entries = list(aside.entries)
        aside.assigned.aside -= 1
        self._lanes.pop(aside.key, None)
        self.arrived(entries)

    # ---- workers -------------------------------------------------------------------------------------------------
    async def _work(self) -> None:
        while True:
            lane = await self._ready.get()
            if not lane.entries or lane.assigned.draining:
                continue
            self.begun((lane,))
            lane.worker = asyncio.current_task()
            try:
                await self._carry_out(lane)
            except asyncio.CancelledError:
                if not self._given_up(lane):
                    raise
            finally:
                lane.worker = None
                self.ended(lane)

    def _given_up(self, lane: Lane) -> bool:
        """Whether a cancellation meant this record (its partition leaves), not the worker."""
        task = asyncio.current_task()
        if self._stopping or not lane.assigned.draining or task is None:
            return False
        task.uncancel()
        return True

    def _worker_ended(self, worker: "asyncio.Task[None]") -> None:
        if not self._stopping:
            cancelled = worker.cancelled()
            self.failed((None if cancelled else worker.exception()) or asyncio.CancelledError())

    async def _carry_out(self, lane: Lane) -> None:
        entry = lane.entries[0]
        try:
            outcome = await self._outcome(lane, entry)
        except WithdrawnError:
            if entry.end is None:
                self.feed.retract(entry)
            return
        if not isinstance(outcome, Join):
            self.concluded(lane, (outcome,))
        elif not lane.assigned.draining:
            self._batches.join(lane, outcome)

    async def _outcome(self, lane: Lane, entry: Entry) -> Settled | Later | Join:
        """A fault of giving up is nobody's to catch: it ends the worker, and with it the engine."""
        if entry.faults >= FAULTS_MAX:
            return self._handler.give_up(entry)
        permit = LanePermit(lane.assigned, self.feed, self._clock)
        try:
            return await self._handler.handle(entry, lane.entries, permit)
        except WithdrawnError:
            raise
        except Exception:
            log.exception("handler failed", extra={"topic": lane.assigned.topic})
            return faulted(entry)

    # ---- what workers and batches tell ---------------------------------------------------------------------------
    def begun(self, lanes: Sequence[Lane]) -> None:
        """These are in flight."""
        for lane in lanes:
            self._in_flight.setdefault(lane.assigned, set()).add(lane)

    def ended(self, lane: Lane) -> None:
        """It is not in flight any more."""
        flying = self._in_flight.get(lane.assigned)
        if flying is not None:
            flying.discard(lane)
            if not flying:
                del self._in_flight[lane.assigned]
        self._idle.set()

    def failed(self, error: BaseException) -> None:
        """A worker or a batch ended by a fault: whoever waits for `broken` hears of the first one."""
        log.error("lanes ended by a fault", exc_info=error)
        if not self.broken.done():
            self.broken.set_result(error)

    def concluded(self, lane: Lane, outcomes: Sequence[Outcome]) -> None:
        """Outcomes of the lane's first records. One that must wait holds up those behind it: they are done again."""
        if lane.forgotten:
            log.warning("outcome came too late", extra={"topic": lane.assigned.topic})
            return
        for outcome in outcomes:
            if isinstance(outcome, Later):
                if outcome.aside:
                    self._set_aside(lane, outcome.delay_s)
                else:
                    self._delay(lane, outcome.delay_s)
                return
            for entry in outcome.entries:
                lane.entries.remove(entry)
            self.feed.settle(outcome)
        self._next(lane)
