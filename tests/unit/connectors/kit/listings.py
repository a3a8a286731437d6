"""Model platforms for polls: objects that change at any moment, listed as the contracts have it, and a poll of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.kit.connector import Request, Response

Serve = Callable[[Request], Response]
Step = Callable[[str | None, int], Generator[Request, Response, Any]]
START_MS = 1_760_000_000_000


@dataclass(frozen=True)
class Version:
    """One state of an object. `shown_ms`: real time from which lists have it; `at_ms`: the platform's own."""

    id: str
    number: int
    at_ms: int
    shown_ms: int


@dataclass
class Model:
    """Objects and their versions. The platform's clock is `behind_ms` behind ours and tells time in `unit_ms`."""

    behind_ms: int = 0
    unit_ms: int = 1
    now_ms: int = START_MS
    versions: dict[str, list[Version]] = field(default_factory=dict)
    log: list[Version] = field(default_factory=list)

    def write(self, name: str, index_lag_ms: int = 0) -> None:
        """A change now; lists show it `index_lag_ms` later, never before an earlier one of the same object."""
        known = self.versions.setdefault(name, [])
        stamp = (self.now_ms - self.behind_ms) // self.unit_ms * self.unit_ms
        shown = max([self.now_ms + index_lag_ms, *(one.shown_ms for one in known)])
        known.append(Version(name, len(known) + 1, stamp, shown))
        self.log.append(known[-1])

    def listed(self) -> list[Version]:
        """What a list holds now, in order of modification; ties in order of ids."""
        found = []
        for versions in self.versions.values():
            shown = [one for one in versions if one.shown_ms <= self.now_ms]
            if shown:
                found.append(shown[-1])
        return sorted(found, key=lambda one: (one.at_ms, one.id))

    def latest(self) -> set[tuple[str, int]]:
        return {(name, len(versions)) for name, versions in self.versions.items()}


def row(one: Version) -> dict[str, Any]:
    return {"id": one.id, "version": one.number, "at_ms": one.at_ms}


def answered(rows: list[Any], status: int = 200) -> Response:
    return Response(status, {}, json.dumps(rows).encode())


@dataclass(frozen=True)
class Event:
    """What happens before one request: changes (object, index lag), time, and perhaps a crash of the poller."""

    writes: tuple[tuple[str, int], ...] = ()
    tick_ms: int = 0
    crash: bool = False


class CrashError(Exception):
    """The poller dies here."""


@dataclass
class Run:
    """A poller of a model: what it has committed, whatever happens in between."""

    model: Model
    step: Step
    serve: Serve
    events: Iterator[Event]
    cursor: str | None = None
    committed: list[Any] = field(default_factory=list)
    pages_max: int = 2_000

    def poll(self) -> int:
        """Until there is no more; a crash begins anew at the checkpoint. Returns the pages it took."""
        for pages in range(1, self.pages_max + 1):
            try:
                page = self._page()
            except CrashError:
                continue
            self.committed += page.records
            self.cursor = page.cursor
            if not page.more:
                return pages
        raise AssertionError(f"the poll did not end within {self.pages_max} pages")

    def _page(self) -> Any:
        steps = self.step(self.cursor, self.model.now_ms)
        try:
            request = next(steps)
            while True:
                self._happen()
                request = steps.send(self.serve(request))
        except StopIteration as end:
            self._happen()  # between fetch and commit
            return end.value

    def _happen(self) -> None:
        event = next(self.events, None)
        if event is None:
            return
        for name, index_lag_ms in event.writes:
            self.model.write(name, index_lag_ms)
        self.model.now_ms += event.tick_ms
        if event.crash:
            raise CrashError


def exhausted(run: Run, settle_ms: int, polls: int = 3) -> int:
    """Polls while things happen, and then some more when all is quiet. Returns the pages of the last poll."""
    with contextlib.suppress(StopIteration):
        while True:
            event = next(run.events)
            run.events = _before(event, run.events)
            run.poll()
            run.model.now_ms += 7
    pages = 0
    for _ in range(polls):
        run.model.now_ms += settle_ms
        pages = run.poll()
    return pages


def _before(first: Event, rest: Iterator[Event]) -> Iterator[Event]:
    yield first
    yield from rest
