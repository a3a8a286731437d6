"""`gridwire backfill SOURCE[/RESOURCE] --since TIME [--until TIME] [--dry-run]`."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import Poll, Source
from connectors.kit.http.calls import Caller
from connectors.kit.reading import ms_iso
from connectors.kit.reads.backfill import Backfill, BackfillError, Progress, anew, begun
from connectors.kit.reads.checkpoints import CheckpointError, Checkpoints
from connectors.kit.reads.known import held_for
from connectors.kit.reads.pages import PageWriter
from connectors.kit.role import Shared
from gridwire import kafka
from gridwire.commands.configuration import configuration
from gridwire.commands.guard import guarded
from gridwire.settings import KafkaSettings

FAILED, WRONG = 1, 2
PROGRESS_S = 5.0  # between two lines of progress


class CallError(Exception):
    """What was asked for makes no sense; the message says what would."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to backfill, from when, to when (None: now, or where an interrupted one was to end)."""

    source: Source
    polls: tuple[Poll, ...]
    since_ms: int
    until_ms: int | None
    dry_run: bool


def backfill(wanted: str, since: str, until: str | None, *, dry_run: bool) -> int:
    """Runs it. Exit status: 0 done, 1 ended before its end, 2 the call is wrong."""
    config = configuration()
    sources = {one.name: one.source(settings) for one, settings in config.connectors}
    try:
        asked = Asked(
            *_chosen(wanted, sources),
            since_ms=moment_ms(since, "--since"),
            until_ms=None if until is None else moment_ms(until, "--until"),
            dry_run=dry_run,
        )
        _check_time(asked)
    except CallError as error:
        print(error, file=sys.stderr)
        return WRONG
    for one in asked.source.webhooks_only:
        print(f"cannot be backfilled: {one} (only webhooks bring them)")
    if dry_run:
        return asyncio.run(_run(config.kafka, asked))
    return guarded(config.kafka, lambda quiet: asyncio.run(_run(quiet, asked)))


# ---- the call ----------------------------------------------------------------------------------------------------
def moment_ms(text: str, option: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or time; without a zone it is UTC. Raises CallError."""
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise CallError(
            f"{option} {text!r} is no ISO 8601 time: write it like 2026-01-31 or 2026-01-31T08:00:00Z"
        ) from error


def _check_time(asked: Asked) -> None:
    if asked.since_ms < 0:
        raise CallError("--since lies before 1970: give a later time")
    now_ms = SYSTEM.epoch_ms()
    end_ms = now_ms if asked.until_ms is None else asked.until_ms
    if asked.since_ms >= end_ms:
        raise CallError(
            "--since lies not before "
            + ("now" if asked.until_ms is None else "--until")
            + ": give an earlier time"
        )
    if end_ms > now_ms:
        raise CallError("--until lies in the future: leave it out to read up to now")


def _chosen(wanted: str, sources: dict[str, Source]) -> tuple[Source, tuple[Poll, ...]]:
    """The source and those of its polls that were asked for. Raises CallError."""
    name, _, resource = wanted.partition("/")
    source = sources.get(name)
    if source is None:
        known = ", ".join(sorted(sources)) or "none: set the variables of one"
        raise CallError(f"{name!r} is no configured platform: configured are {known}")
    able = {one.resource.removeprefix(f"{name}."): one for one in source.polls if one.between}
    if not able:
        raise CallError(
            f"{name} cannot be backfilled: all that it brings comes by webhook, and the platform does not list it "
            "again. Ask its sender for a replay"
        )
    if not resource:
        return source, tuple(able.values())
    poll = able.get(resource.removeprefix(f"{name}."))
    if poll is None:
        others = [one.resource for one in source.polls if one.resource.endswith(f".{resource}")]
        why = "is not listed by time of change" if others else "is no resource that is polled"
        raise CallError(f"{resource!r} of {name} {why}: backfill one of {', '.join(able)}")
    return source, (poll,)


# ---- the run -----------------------------------------------------------------------------------------------------
async def _run(settings: KafkaSettings, asked: Asked) -> int:
    shared = Shared(settings, SYSTEM)
    failed = False
    try:
        if not asked.dry_run:
            await asyncio.to_thread(kafka.create_topics, settings, [])
        caller = shared.caller(asked.source.platform, "backfill")
        ends = []
        for poll in asked.polls:
            try:
                ends.append((poll, await _one(shared, caller, asked, poll)))
            except (BackfillError, CheckpointError) as error:
                print(f"{poll.resource}: {error}", file=sys.stderr)
                failed = True
        _summary(ends, dry_run=asked.dry_run)
    finally:
        await shared.close()
    return FAILED if failed else 0


async def _one(shared: Shared, caller: Caller, asked: Asked, poll: Poll) -> Progress:
    """One resource from its beginning, or from where it was interrupted. Raises BackfillError, CheckpointError."""
    told = Lines(poll.resource)
    if asked.dry_run:
        at = anew(poll, asked.since_ms, asked.until_ms or SYSTEM.epoch_ms())
        return await Backfill(poll, caller, SYSTEM, told).run(at)
    platform = asked.source.platform.name
    store = Checkpoints(shared.kafka, shared.codec, platform, poll.resource, use="backfill")
    try:
        checkpoint = await asyncio.to_thread(store.open)
        at = begun(checkpoint, asked.since_ms, asked.until_ms) or anew(
            poll, asked.since_ms, asked.until_ms or SYSTEM.epoch_ms()
        )
        if at.pages:
            print(f"{poll.resource}: goes on after {at.pages} pages, up to {ms_iso(at.until_ms)}")
        known = held_for(poll, shared.kafka, shared.codec)
        writer = PageWriter(platform, poll, shared.messages, store, clock=SYSTEM, known=known)
        return await Backfill(poll, caller, SYSTEM, told, writer.write).run(at)
    finally:
        await asyncio.to_thread(store.close)


class Lines:
    """A line of progress now and then."""

    def __init__(self, resource: str) -> None:
        self._resource = resource
        self._next = time.monotonic() + PROGRESS_S

    def __call__(self, at: Progress) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PROGRESS_S
        print(f"{self._resource}: {at.pages} pages, {at.records} records", flush=True)


def _summary(ends: Sequence[tuple[Poll, Progress]], *, dry_run: bool) -> None:
    for poll, at in ends:
        what = "written" if poll.known is None else "found, those that were missing written"
        what = "would be written" if dry_run else what
        broken = f", {at.unreadable} unreadable" if at.unreadable else ""
        span = f"{ms_iso(at.since_ms)} to {ms_iso(at.until_ms)}"
        print(f"{poll.resource}: {at.records} records {what}{broken}, {at.pages} pages, {span}")
