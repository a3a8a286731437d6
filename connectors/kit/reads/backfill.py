"""Backfill: what a poll finds in a time that lies back, under the ids it always has: streams drop what they know.

It goes through the poll's own steps and leaves the running poller alone: its checkpoint and its `transactional.id`
are its own, so that it can be interrupted at any point and goes on where it was.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec
from confluent_kafka import KafkaException

from connectors.kit.base.clock import Clock
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import MalformedError, Page, Poll, Transient
from connectors.kit.cursors import FORMAT
from connectors.kit.http.calls import Caller, Refused
from connectors.kit.output.commits import CommitFailedError, ProducerBrokenError
from connectors.kit.reads.checkpoints import CheckpointError
from gridwire.codec import CodecError, RegistryUnavailableError

PAGES_MAX = 100_000  # of one resource in one run
ATTEMPTS_MAX = 10  # at one page, in a row
RETRY = RetryPolicy(delay_s_first=1.0, delay_s_max=60.0, attempts_max=ATTEMPTS_MAX)
AGAIN = "run the same command again to go on from there"


class BackfillError(Exception):
    """It ended before its end; the message says why and what to do."""


class Progress(msgspec.Struct, frozen=True, tag_field="kind", tag="backfill", kw_only=True):
    """How far a backfill is: the next page is at `cursor`. Also its checkpoint."""

    since_ms: int
    until_ms: int
    cursor: str
    pages: int = 0
    records: int = 0
    unreadable: int = 0
    done: bool = False
    v: int = FORMAT

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


def begun(checkpoint: str | None, since_ms: int, until_ms: int | None) -> Progress | None:
    """The unfinished backfill of this very time that a checkpoint tells of. Without `until_ms`: to whichever end.

    Raises BackfillError for a checkpoint of a newer format.
    """
    if checkpoint is None:
        return None
    try:
        found = msgspec.json.decode(checkpoint, type=Progress)
    except msgspec.DecodeError:
        return None  # none of ours: begun anew
    if found.v > FORMAT:
        raise BackfillError("its checkpoint was written by a newer gridwire: use that one")
    asked = found.since_ms == since_ms and until_ms in (None, found.until_ms)
    return found if asked and not found.done else None


def anew(poll: Poll, since_ms: int, until_ms: int) -> Progress:
    """A backfill at its beginning. Raises BackfillError where the platform does not list by time."""
    if poll.between is None:
        raise BackfillError(f"{poll.resource} is not listed by time of change: nothing to backfill")
    cursor = poll.between(since_ms, until_ms)
    return Progress(since_ms=since_ms, until_ms=until_ms, cursor=cursor)


Write = Callable[[Page, str], int]
Told = Callable[[Progress], None]


class Backfill:
    """Backfills one resource. `write(page, checkpoint)` blocks and returns how many records it wrote; None: count only.

    `told` hears of every page, once it is written.
    """

    def __init__(
        self, poll: Poll, caller: Caller, clock: Clock, told: Told, write: Write | None = None
    ) -> None:
        self._poll = poll
        self._caller = caller
        self._clock = clock
        self._told = told
        self._write = write

    async def run(self, at: Progress) -> Progress:
        """From `at` to the end of its time. Raises BackfillError."""
        seen = {at.cursor}
        for _ in range(PAGES_MAX):
            at = await self._step(at)
            self._told(at)
            if at.done:
                return at
            if at.cursor in seen:
                raise BackfillError("page loop: the platform gave the same cursor twice")
            seen.add(at.cursor)
        raise BackfillError(f"{PAGES_MAX} pages are read, and there are more: {AGAIN}")

    async def _step(self, at: Progress) -> Progress:
        page = await self._page(at)
        kept = tuple(one for one in page.records if one[1].occurred_at <= at.until_ms)
        beyond = bool(page.records) and not kept
        after = Progress(
            since_ms=at.since_ms,
            until_ms=at.until_ms,
            cursor=page.cursor,
            pages=at.pages + 1,
            records=at.records + len(kept),
            unreadable=at.unreadable + len(page.broken),
            done=beyond or not page.more,
        )
        if self._write is not None:
            await self._written(self._write, replace(page, records=kept), after)
        return after

    async def _page(self, at: Progress) -> Page:
        """Raises BackfillError where the platform refuses, or does not answer for ATTEMPTS_MAX attempts."""
        reason = ""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            steps = self._poll.step(at.cursor, self._clock.epoch_ms())
            try:
                result = await self._caller.run(steps)
            except MalformedError as error:
                raise BackfillError(str(error)) from error
            if not isinstance(result, Refused):
                return result.value
            verdict = result.verdict
            if not isinstance(verdict, Transient):
                raise BackfillError(f"the platform refuses: {verdict.reason}")
            reason = verdict.reason
            if attempt < ATTEMPTS_MAX:
                await self._clock.sleep(RETRY.delay_s(attempt, verdict, self._clock.chance))
        raise BackfillError(
            f"the platform does not answer ({reason}) in {ATTEMPTS_MAX} attempts: {AGAIN}"
        )

    async def _written(self, write: Write, page: Page, after: Progress) -> None:
        """Raises BackfillError where Kafka did not take it."""
        try:
            await asyncio.to_thread(write, page, after.encoded())
        except ProducerBrokenError as error:
            raise BackfillError(
                f"Kafka: {error}; does another backfill of {self._poll.resource} run? If not: {AGAIN}"
            ) from error
        except (
            KafkaException,
            CommitFailedError,
            CheckpointError,
            CodecError,
            RegistryUnavailableError,
        ) as error:
            raise BackfillError(f"Kafka: {error}: {AGAIN}") from error
