"""Where a poll stands in a list, as pure values: what to ask next, and what the answer makes of it.

    Spans    lists that are filtered by and sorted in time of modification, in pages by offset or by number
    Sweeps   lists that know no time: all of it, page by page, again and again
    Chains   lists in order of change from a time on, whose pages are chained by opaque cursors; and logs of events,
             which are read on from the last cursor for ever

A checkpoint is one JSON object: `kind` (span, sweep, chain), `v` (FORMAT) and the fields of that kind. Checkpoints
written before there was a version are read, too: `earlier` turns them into today's.

What makes a change be seen, whatever happens between two pages or two polls:

- A span ends `lag_ms` before now and the next begins `overlap_ms` before that end. So a change is found where it is
  listed at most `lag_ms + overlap_ms` after the time that the platform gives it: the platform's clock may be so much
  behind ours, and its index so much behind its writes.
- What changes while a span is read has a time after the span's end: it leaves, and comes in a later one. What leaves
  shifts the pages behind it, so each page after the first is checked to follow the one before: by an overlap of one
  row, or, where pages have numbers, by reading the one before once more. Where it does not follow, the span is read
  again from the time reached. (Where pages have numbers nothing may be added to a span, either: `lag_ms` must be what
  the platform needs to list a change.)
- A chain's cursor is a place, not a number of rows: writes between pages do no harm. The next one begins `overlap_ms`
  before the latest change seen, and before the time at which this one began: so a change is found where it is listed
  at most so long after the time that the platform gives it.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from connectors.kit.connector import MalformedError, Request, Response

FORMAT = 1
DRIFTS_MAX = 1_000  # times that a span is read again from one point of time because its pages shift
RESTARTS_MAX = 20  # times that a chain is begun anew because its cursor is not taken any more
UNREADABLE = "checkpoint: not readable, delete it to poll anew"
T = TypeVar("T")
S = TypeVar("S", bound="Span | Sweep | Chain")
Steps = Generator[Request, Response, T]


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells a row: its id, and when it was modified (epoch milliseconds; None: it does not say)."""

    id: str
    at_ms: int | None


class Span(msgspec.Struct, frozen=True, tag_field="kind", tag="span", kw_only=True):
    """What changed from `since_ms` to `until_ms`, read up to `rows` rows, of which `last` is the last one.

    `reached_ms`: the latest time among the rows read. `drifts`: how often pages have shifted at this point of time.
    """

    since_ms: int
    until_ms: int
    rows: int = 0
    last: str = ""
    reached_ms: int = 0
    drifts: int = 0
    done: bool = False
    v: int = FORMAT

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


class Chain(msgspec.Struct, frozen=True, tag_field="kind", tag="chain", kw_only=True):
    """What changed since `since_ms`, from the page at `cursor` on; `latest_ms`: the latest change seen so far.

    `begun_ms`: when its first page was asked for. `restarts`: how often it was begun anew before it came to its end.
    """

    since_ms: int
    cursor: str | None = None
    begun_ms: int = 0
    latest_ms: int = 0
    restarts: int = 0
    v: int = FORMAT

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


class Sweep(msgspec.Struct, frozen=True, tag_field="kind", tag="sweep", kw_only=True):
    """A list without times, from `page` on (the first is 1)."""

    page: int = 1
    v: int = FORMAT

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()

    def after(self, *, more: bool) -> "Sweep":
        """Where to read on: the next page, or the first of the next sweep."""
        return Sweep(page=self.page + 1 if more else 1)


def sweep(checkpoint: str | None) -> Sweep:
    """Where to read on. Raises MalformedError for a checkpoint that is none of ours."""
    return Sweep() if checkpoint is None else held(checkpoint, Sweep, _no_earlier)


def _no_earlier(_decoded: Any) -> Sweep:
    raise msgspec.ValidationError("there was no such checkpoint without a version")


def held(checkpoint: str, shape: type[S], earlier: Callable[[Any], S]) -> S:
    """The state of a checkpoint. `earlier(decoded)`: of one without a version; it may raise ValidationError.

    Raises MalformedError, with the fix, for what is none, or of a kind or version that is not known here.
    """
    try:
        found = msgspec.json.decode(checkpoint)
        if not isinstance(found, dict) or "v" not in found:
            return earlier(found)
        if isinstance(found["v"], int) and found["v"] > FORMAT:
            raise MalformedError(
                f"checkpoint: format {found['v']} is newer than this gridwire: run the newer one"
            )
        return msgspec.convert(found, shape)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MalformedError(UNREADABLE) from error


# ---- spans -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Ask:
    """One page: rows `offset` to `offset + limit` (page `number` of `limit` rows) of what changed in this time."""

    since_ms: int
    until_ms: int
    offset: int
    limit: int

    @property
    def number(self) -> int:
        """The first page is 1."""
        return self.offset // self.limit + 1


@dataclass(frozen=True, slots=True)
class Spans:
    """How a list is read span by span. Its rows come in order of modification, oldest first; ties in any fixed order.

    `limit`: rows of a page; a page with fewer is the last. `cap`: `offset + limit` that the platform takes at most.
    `stride`: rows after which the span is cut at the time reached, where that has moved; never more than `cap`.
    `numbered`: pages have numbers; otherwise offsets, which may be any. `unit_ms`: how finely the filter tells time;
    more rows than `cap` within one unit cannot be read. `back_ms`: a cut looks back so far, where the filter's
    lower end may be exclusive.
    """

    limit: int
    cap: int
    stride: int
    overlap_ms: int
    lag_ms: int
    unit_ms: int = 1
    back_ms: int = 0
    numbered: bool = False

    def begin(
        self,
        checkpoint: str | None,
        now_ms: int,
        first_since_ms: int,
        earlier: Callable[[Any], Span],
    ) -> Span:
        """Where to read on. Raises MalformedError for a checkpoint that is none of ours."""
        until_ms = self._floor(now_ms - self.lag_ms)
        if checkpoint is None:
            since_ms = max(0, first_since_ms)
            return Span(since_ms=since_ms, until_ms=max(since_ms, until_ms))
        at = held(checkpoint, Span, earlier)
        if not at.done:
            return at
        since_ms = max(0, at.until_ms - self.overlap_ms)
        return Span(since_ms=since_ms, until_ms=max(at.until_ms, until_ms))

    def page(
        self, at: Span, ask: Callable[[Ask], Steps[list[T]]], mark: Callable[[T], Mark]
    ) -> Steps[tuple[list[T], Span]]:
        """The next rows, and where to read on after them.

        Raises MalformedError where more than `cap` rows share one unit of time, or pages shift without end.
        """
        asked = self._ask(at)
        rows = yield from ask(asked)
        if asked.offset:
            follows = yield from self._follows(at, asked, rows, ask, mark)
            if not follows:
                return [], self._again(at)
        fresh = rows[1:] if asked.offset and not self.numbered else rows
        marks = [mark(row) for row in fresh]
        if len(rows) < asked.limit:
            return fresh, Span(since_ms=at.since_ms, until_ms=at.until_ms, done=True)
        return fresh, self._on(at, asked.offset + len(rows), marks)

    def _ask(self, at: Span) -> Ask:
        """With free offsets the last row that was read comes again, as the first."""
        if self.numbered:
            offset = at.rows if at.rows % self.limit == 0 else 0
            return Ask(at.since_ms, at.until_ms, offset, self.limit)
        offset = max(0, at.rows - 1)
        return Ask(at.since_ms, at.until_ms, offset, min(self.limit, self.cap - offset))

    def _follows(
        self,
        at: Span,
        asked: Ask,
        rows: Sequence[T],
        ask: Callable[[Ask], Steps[list[T]]],
        mark: Callable[[T], Mark],
    ) -> Steps[bool]:
        """Whether nothing has left the span before this page since the page before it was read."""
        if not self.numbered:
            return bool(rows) and mark(rows[0]).id == at.last
        before = yield from ask(
            Ask(asked.since_ms, asked.until_ms, asked.offset - self.limit, self.limit)
        )
        return len(before) == self.limit and mark(before[-1]).id == at.last

    def _again(self, at: Span) -> Span:
        """All before the time reached has been read."""
        if at.drifts >= DRIFTS_MAX:
            raise MalformedError(
                f"list: its pages shifted {DRIFTS_MAX} times while it was read: is it in order of modification?"
            )
        cut_ms = self._cut(at.reached_ms)
        since_ms, drifts = (cut_ms, 0) if cut_ms > at.since_ms else (at.since_ms, at.drifts + 1)
        return Span(since_ms=since_ms, until_ms=at.until_ms, drifts=drifts)

    def _on(self, at: Span, rows: int, marks: Sequence[Mark]) -> Span:
        """After a full page: by time where enough has been read and time has moved, by rows otherwise."""
        times = [m.at_ms for m in marks if m.at_ms is not None and m.at_ms <= at.until_ms]
        reached_ms = max([at.reached_ms, *times])
        full = rows + (self.limit if self.numbered else 1) > self.cap
        cut_ms = self._cut(reached_ms)
        if (full or rows >= self.stride) and cut_ms > at.since_ms:
            return Span(since_ms=cut_ms, until_ms=at.until_ms)
        if full:
            raise MalformedError(
                f"list: {self.cap} objects or more changed within {self.unit_ms + self.back_ms} ms, and the platform "
                "lists no more of them: change one of them, or read them by hand and delete the checkpoint to poll anew"
            )
        return Span(
            since_ms=at.since_ms,
            until_ms=at.until_ms,
            rows=rows,
            last=marks[-1].id if marks else at.last,
            reached_ms=reached_ms,
            drifts=at.drifts,
        )

    def _cut(self, at_ms: int) -> int:
        """Rows at this time may stand on both sides of a page's end: they are read again."""
        return self._floor(at_ms) - self.back_ms

    def _floor(self, at_ms: int) -> int:
        return at_ms // self.unit_ms * self.unit_ms


# ---- chains ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Chains:
    """How a list in order of change is read by its cursors.

    `log`: the platform keeps a place in it for ever: the cursor after its last page is where the next poll goes on,
    and `since_ms` bounds what is taken of it. Otherwise the next poll asks anew for what changed since.
    """

    overlap_ms: int
    log: bool = False

    def begin(
        self,
        checkpoint: str | None,
        now_ms: int,
        first_since_ms: int,
        earlier: Callable[[Any], Chain],
    ) -> Chain:
        """Where to read on. Raises MalformedError for a checkpoint that is none of ours."""
        if checkpoint is None:
            return Chain(since_ms=max(0, first_since_ms), begun_ms=now_ms)
        at = held(checkpoint, Chain, earlier)
        return at if at.cursor is not None else msgspec.structs.replace(at, begun_ms=now_ms)

    def after(self, at: Chain, following: str | None, *, more: bool, times: Sequence[int]) -> Chain:
        """Where the poll goes on after a page whose rows changed at `times`. Raises MalformedError for a page loop."""
        if more and (following is None or following == at.cursor):
            raise MalformedError("list: its next cursor is the one that led here")
        latest_ms = max([at.latest_ms, *times])
        if more or self.log:
            return Chain(
                since_ms=at.since_ms,
                cursor=following or at.cursor,
                begun_ms=at.begun_ms,
                latest_ms=latest_ms,
                restarts=at.restarts if more else 0,
            )
        return Chain(since_ms=self._since(at, latest_ms))

    def expired(self, at: Chain) -> Chain:
        """The platform does not take the cursor any more: from the latest change seen, less the overlap.

        Raises MalformedError where that happens again and again before the list's end.
        """
        if at.restarts >= RESTARTS_MAX:
            raise MalformedError(
                f"list: its cursor was refused {RESTARTS_MAX} times before its end was reached: it expires too soon"
            )
        return Chain(since_ms=self._since(at, at.latest_ms), restarts=at.restarts + 1)

    def _since(self, at: Chain, latest_ms: int) -> int:
        """A wrong date in the future does no harm to a list: no chain begins later than the one before it did.

        A log is in order of its writing: what came before its latest event has come.
        """
        reached_ms = latest_ms if self.log else min(latest_ms, at.begun_ms)
        return max(at.since_ms, reached_ms - self.overlap_ms)
