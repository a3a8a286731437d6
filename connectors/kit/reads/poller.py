"""Polling: fetch a page first, then write its records and the checkpoint in one transaction, then the next page."""

import asyncio
import logging
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from confluent_kafka import KafkaException

from connectors.kit.base.clock import Clock
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import MalformedError, Misconfigured, Page, Poll, Rejected, Transient
from connectors.kit.http.calls import Caller, Refusal, Refused
from connectors.kit.output.commits import CommitFailedError, ProducerBrokenError
from connectors.kit.output.messages import Messages
from connectors.kit.reads.checkpoints import CheckpointError
from connectors.kit.reads.pages import Known, PageWriter, Store
from gridwire import metrics
from gridwire.codec import CodecError, RegistryUnavailableError

PAGES_MAX = 1_000  # in one go; then the interval, so that a resource without end does not starve
STOPPED_DELAY_S = 60.0  # between attempts of a poll that is refused or misconfigured
BROKEN_DELAY_S = 15.0  # above the group's session time-out
RETRY = RetryPolicy(delay_s_first=1.0, delay_s_max=60.0)
T = TypeVar("T")
log = logging.getLogger(__name__)


class PollError(Exception):
    """A step that brought no page. `outcome` is a metric label."""

    def __init__(self, outcome: str, reason: str, delay_s: float | None = None) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.delay_s = delay_s


class Poller:
    """Polls one resource while it is ours."""

    def __init__(
        self,
        poll: Poll,
        caller: Caller,
        messages: Messages,
        store: Store,
        *,
        executor: Executor,
        clock: Clock,
        known: Known | None = None,
    ) -> None:
        self.platform = caller.platform.name
        self.poll = poll
        self._caller = caller
        self._store = store
        self._writer = PageWriter(self.platform, poll, messages, store, clock=clock, known=known)
        self._executor = executor
        self._clock = clock
        self._failures = 0
        self._looped: frozenset[str | None] = (
            frozenset()
        )  # cursors of the last loop, until a pass went through
        self.problem: str | None = None

    @property
    def name(self) -> str:
        return f"{self.platform}/{self.poll.resource}"

    async def run(self) -> None:
        """Until cancelled. No failure ends it: each is counted, logged, and tried again after a while."""
        while True:
            try:
                cursor = await self._blocking(self._store.open)
                while True:
                    cursor = await self._pages(cursor)
                    await self._clock.sleep(self.poll.interval_s)
            except PollError as error:
                await self._failed(error)
            except (
                ProducerBrokenError
            ) as error:  # fenced, perhaps: leave time to learn that it is not ours
                await self._failed(PollError("kafka", f"Kafka: {error}", BROKEN_DELAY_S))
            except (KafkaException, CommitFailedError) as error:
                await self._failed(PollError("kafka", f"Kafka: {error}"))
            except (CheckpointError, CodecError, RegistryUnavailableError) as error:
                await self._failed(PollError("kafka", str(error)))
            except MalformedError as error:
                await self._failed(PollError("malformed", str(error), STOPPED_DELAY_S))
            except Exception as error:
                log.exception("poll failed", extra={"poll": self.name})
                await self._failed(PollError("fault", type(error).__name__))

    # ---- pages ---------------------------------------------------------------------------------------------------
    async def _pages(self, cursor: str | None) -> str | None:
        """Page after page until there are no more; returns the cursor reached.

        A problem stays told until such a pass went through. Pages of a loop that are read again are no progress.
        """
        seen = {cursor}
        for _ in range(PAGES_MAX):
            page = await self._page(cursor)
            await self._write(page, cursor)
            self._count("page")
            cursor = page.cursor
            if cursor not in self._looped:
                self._failures = 0
            if not page.more:
                break
            if cursor in seen:
                self._looped = frozenset(seen)
                reason = "page loop: the platform gave the same cursor twice"
                raise PollError("loop", reason, STOPPED_DELAY_S)
            seen.add(cursor)
        self._failures, self.problem, self._looped = 0, None, frozenset()
        metrics.POLL_LAST_SUCCESS.labels(self.platform, self.poll.resource).set(
            self._clock.epoch_s()
        )
        return cursor

    async def _page(self, cursor: str | None) -> Page:
        result = await self._caller.run(self.poll.step(cursor, self._clock.epoch_ms()))
        if isinstance(result, Refused):
            raise self._refusal(result.verdict)
        return result.value

    def _refusal(self, verdict: Refusal) -> PollError:
        match verdict:
            case Misconfigured():
                return PollError("misconfigured", verdict.reason, STOPPED_DELAY_S)
            case Rejected():
                return PollError("rejected", verdict.reason, STOPPED_DELAY_S)
        delay_s = RETRY.delay_s(self._failures + 1, verdict, self._clock.chance)
        return PollError("transient", verdict.reason, delay_s)

    async def _write(self, page: Page, cursor: str | None) -> None:
        """The page and its checkpoint, all or nothing, in one go on a thread of the polls' pool."""
        self._found(page)
        if not page.records and not page.broken and page.cursor == (cursor or ""):
            return  # it changes nothing
        await self._blocking(lambda: self._writer.write(page))

    def _found(self, page: Page) -> None:
        for finding, count in page.findings.items():
            metrics.POLL_FINDINGS.labels(self.platform, self.poll.resource, finding).inc(count)
            log.warning("poll found", extra={"poll": self.name, "finding": finding, "count": count})

    # ---- failures ------------------------------------------------------------------------------------------------
    async def _failed(self, error: PollError) -> None:
        self._failures += 1
        self._count(error.outcome)
        stopped = error.outcome in ("misconfigured", "rejected", "malformed", "loop")
        self.problem = str(error) if stopped else self.problem
        log.warning(
            "poll failed",
            extra={"poll": self.name, "outcome": error.outcome, "reason": str(error)},
        )
        delay_s = error.delay_s
        if delay_s is None:
            delay_s = RETRY.delay_s(self._failures, Transient(""), self._clock.chance)
        await self._clock.sleep(delay_s)

    def _count(self, outcome: str) -> None:
        metrics.POLLS.labels(self.platform, self.poll.resource, outcome).inc()

    async def _blocking(self, call: Callable[[], T]) -> T:
        """Runs `call` in a thread; even when cancelled, not without its end: a commit must not go on unseen."""
        future = asyncio.get_running_loop().run_in_executor(self._executor, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            if error := future.exception():  # another has taken over, most likely
                log.warning(
                    "poll given up",
                    extra={"poll": self.name, "reason": f"last page not committed: {error}"},
                )
            raise


class Pollers:
    """All polls of this process: those run whose share of the checkpoint topic's partitions is ours."""

    def __init__(self, pollers: Sequence[Poller]) -> None:
        self._pollers = pollers
        self._tasks: dict[Poller, asyncio.Task[None]] = {}
        self._shares: dict[Poller, int] = {}

    async def gained(self, partitions: set[int], count: int) -> None:
        for poller in self._pollers:
            share = zlib.crc32(poller.name.encode()) % count
            if share in partitions and poller not in self._tasks:
                self._shares[poller] = share
                self._tasks[poller] = asyncio.create_task(poller.run(), name=f"poll-{poller.name}")
                log.info("polling", extra={"poll": poller.name})

    async def gave_up(self, partitions: set[int]) -> None:
        leaving = [one for one, share in self._shares.items() if share in partitions]
        tasks = [self._tasks.pop(one) for one in leaving]
        for one, task in zip(leaving, tasks, strict=True):
            del self._shares[one]
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Ends whatever still runs."""
        await self.gave_up(set(self._shares.values()))

    def ready(self) -> str | None:
        """Which polls have stopped, and why."""
        stopped = [f"{one.name}: {one.problem}" for one in self._tasks if one.problem]
        return "; ".join(stopped) or None
