"""The sources role with one poll, in a process to freeze and to kill at a chosen point of a chosen page.

The poll brings PAGE_RECORDS records a page and needs no platform. `hold`: at that commit of this process, either
`fetched` (the page is fetched, nothing is written) or `written` (it is in Kafka, in an open transaction), the process
says so with a file and goes on once a second file is there. It holds once only: not again after a restart.
"""

import asyncio
import os
import signal
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from confluent_kafka import Producer

from connectors.kit.auth import NoAuth
from connectors.kit.connector import Page, Platform, Poll, Request, Response, Source
from connectors.kit.output import commits
from connectors.kit.output.output import Output
from connectors.kit.role import run_sources
from connectors.kit.verdicts import VerdictTable
from gridwire import logs
from gridwire.records import Partner
from gridwire.settings import KafkaSettings, load
from gridwire.topics import Topic
from tests.waiting import until

PAGE_RECORDS = 10
FLUSH_S = 30.0
HOLD_S_MAX = 120.0
HELD, GO_ON = "held", "go-on"


class Plan(msgspec.Struct, frozen=True):
    """What one test wants. `folder`: where the two files are."""

    name: str
    pages: int
    folder: str
    hold: str = ""
    hold_at: int = 0

    @property
    def topic(self) -> Topic[Partner]:
        return Topic(
            f"source.{self.name}",
            Partner,
            lambda one: one.partner_id,
            "source",
            "A test's records.",
        )

    def source(self) -> Source:
        poll = Poll(self.name, 0.1, self._step)
        return Source(platform=_platform(), routes=(), polls=(poll,))

    def _step(self, cursor: str | None, _now_ms: int) -> Generator[Request, Response, Page]:
        number = int(cursor or 0)
        if number >= self.pages:
            return Page((), cursor or "", more=False)
        if number < 0:
            yield Request("GET", "/never")
        first = number * PAGE_RECORDS
        records = tuple((self.topic, self.record(first + n)) for n in range(PAGE_RECORDS))
        return Page(records, str(number + 1), more=True)

    def record(self, number: int) -> Partner:
        """All of one key, so that their order can be seen."""
        return Partner(
            event_id=f"{self.name}-{number}",
            partner_id=self.name,
            partner_code="",
            name=str(number),
            status="active",
        )


def _platform() -> Platform:
    return Platform(
        name="acme",
        base_url="http://127.0.0.1:9",
        auth=NoAuth(),
        verdict=VerdictTable(),
        rate=lambda _answer, _now_s: None,
        requests_per_s=float("inf"),
    )


# ---- the process -------------------------------------------------------------------------------------------------
class Holding:
    """Stands in for the function that hands a transaction's messages to the producer."""

    def __init__(self, plan: Plan, write: Any) -> None:
        self._plan, self._write = plan, write
        self._commits = 0

    def __call__(self, producer: Producer, outputs: Sequence[Output], *more: Any) -> None:
        self._commits += 1
        here = self._commits == self._plan.hold_at
        if here and self._plan.hold == "fetched":
            self._hold()
        self._write(producer, outputs, *more)
        if here and self._plan.hold == "written":
            if producer.flush(FLUSH_S):
                raise RuntimeError("Kafka did not take the page")
            self._hold()

    def _hold(self) -> None:
        folder = Path(self._plan.folder)
        if (folder / HELD).exists():
            return
        (folder / HELD).touch()
        until((folder / GO_ON).exists, "the process may go on", HOLD_S_MAX)


async def _main() -> None:
    plan = msgspec.json.decode(os.environ["POLLING"], type=Plan)
    vars(commits)["_produce"] = Holding(plan, commits._produce)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_sources(load(KafkaSettings), [plan.source()], stop)


if __name__ == "__main__":
    logs.configure("sources")
    uvloop.run(_main())
