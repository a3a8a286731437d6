"""What gridwire does in Trading Grid: opens, comments on and moves threads; writes insights."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

from connectors.kit.connector import (
    Delivered,
    Done,
    MalformedError,
    Operation,
    OperationError,
    Rejected,
    Request,
    Response,
    Sink,
    Steps,
    Transient,
    Written,
    writes_over_nothing,
)
from connectors.kit.reading import read, server_s
from connectors.trading_grid import paging, transitions, verdicts, wire
from connectors.trading_grid.settings import TradingGridSettings, check
from connectors.trading_grid.shapes import (
    CommentJson,
    ExternalRefJson,
    ListJson,
    ThreadJson,
    mapped,
)
from connectors.trading_grid.source import platform
from gridwire.ids import derived
from gridwire.records import AddComment, MoveThread, OpenThread, PutInsight, TradingGridCommand
from gridwire.topics import TRADING_GRID_COMMANDS, TRADING_GRID_RECEIPTS
from gridwire.vocabulary import ThreadStatus

CALLS_MAX = 16  # of one move: steps, and reads anew because somebody else moved the thread
KEY_KEPT_MS = 23 * 3_600_000  # keys are kept for 24 hours; an older command looks before it writes
CHANGED = frozenset({412, 422})


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a look-up by external reference found, and the platform's time of it."""

    thread_id: str | None
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A thread as last seen, its status in our words."""

    status: str
    version: int
    etag: str | None


def sink(settings: TradingGridSettings) -> Sink:
    """Carries out `command.trading-grid`. Raises SettingsError."""
    check(settings)
    writer = Writer(settings)
    operations = (
        Operation("open_thread", "keyed", writer.open_thread, writes=writes_over_nothing),
        Operation("add_comment", "keyed", writer.add_comment, writes=writes_over_nothing),
        Operation("move_thread", "lookup", writer.move_thread, writes=_thread_moved),
        Operation("put_insight", "natural", writer.put_insight, writes=_insight_put),
    )
    return Sink(
        platform=platform(settings),
        commands=TRADING_GRID_COMMANDS,
        receipts=TRADING_GRID_RECEIPTS,
        operations={operation.name: operation for operation in operations},
    )


def _thread_moved(move: MoveThread) -> Written:
    return frozenset({("thread", move.system, move.external_ref)})


def _insight_put(insight: PutInsight) -> Written:
    return frozenset({("insight", insight.key)})


class Writer:
    """The operations, by the tenant's settings."""

    def __init__(self, settings: TradingGridSettings) -> None:
        self._settings = settings
        self._threads = settings.path("threads")

    def open_thread(self, command: TradingGridCommand, opened: OpenThread) -> Steps:
        """Creates a thread unless its external reference is taken; object id: the thread's."""
        if not self._settings.supports_idempotency_key:
            known = yield from self._look_up(opened.system, opened.external_ref)
            if known.thread_id is not None:
                return Done(known.thread_id)
        request = Request(
            "POST",
            self._threads,
            json=wire.thread_body(opened, self._settings),
            headers=self._keyed(command.event_id),
            expect=frozenset({409, 422}),
        )
        response = yield request
        if response.status < 300:
            return Done(_id(response))
        existing = verdicts.existing_id(response)
        if existing is None and verdicts.code(response) == verdicts.KEY_REUSED:
            # This command came before, in other words: what it made then is there.
            existing = (yield from self._look_up(opened.system, opened.external_ref)).thread_id
        if existing is None:
            _refuse(request, response)
        return Done(existing)

    def add_comment(self, command: TradingGridCommand, comment: AddComment) -> Steps:
        """Comments on a thread; the object id is the comment's."""
        if comment.thread_id is None:
            found = yield from self._look_up(comment.system, comment.external_ref)
        else:
            found = LookedUp(comment.thread_id, None)
        path = f"{self._path_of(found)}/comments"
        if self._key_is_gone(command, found):
            written = yield from self._written(path, comment)
            if written is not None:
                return Done(written)
        body = wire.comment_body(comment)
        response = yield Request("POST", path, json=body, headers=self._keyed(command.event_id))
        return Done(_id(response))

    def _key_is_gone(self, command: TradingGridCommand, found: LookedUp) -> bool:
        """Whether the platform may have forgotten the key of an earlier attempt."""
        if not self._settings.supports_idempotency_key or found.at_ms is None:
            return True
        return found.at_ms - command.produced_at > KEY_KEPT_MS

    def _written(self, path: str, comment: AddComment) -> Generator[Request, Response, str | None]:
        """The id of the very comment, if it is there."""
        with promised():
            rows = yield from paging.rows(path, {})
            comments = [read(row, CommentJson, "comment") for row in rows]
        wanted = (comment.source_ref, comment.body)
        return next((one.id for one in comments if (one.source_ref, one.body) == wanted), None)

    def move_thread(self, command: TradingGridCommand, move: MoveThread) -> Steps:
        """Walks a thread to a status, one legal transition after another."""
        found = yield from self._look_up(move.system, move.external_ref)
        path = self._path_of(found)
        seen: Seen | None = None
        for _ in range(CALLS_MAX):
            if seen is None:
                with promised():
                    seen = self._seen((yield Request("GET", path)))
            if transitions.reached(seen.status, move.to):
                return Done(found.thread_id)
            request = self._transition(command, move, path, seen)
            response = yield request
            if response.status not in CHANGED:
                seen = self._seen_after(response)
            elif _somebody_moved_it(response):
                seen = None
            else:
                _refuse(request, response)
        raise OperationError(Transient("the thread keeps changing under our hands"))

    def _transition(
        self, command: TradingGridCommand, move: MoveThread, path: str, seen: Seen
    ) -> Request:
        """The next step. Its key changes with the version, as the same step may come twice."""
        to = _next(move, seen)
        headers = self._keyed(derived(command.event_id, "move", seen.version, to))
        if self._settings.supports_etag and seen.etag is not None:
            headers["if-match"] = seen.etag
        body = wire.transition_body(move, to, self._settings)
        return Request("POST", f"{path}/transitions", json=body, headers=headers, expect=CHANGED)

    def put_insight(self, _command: TradingGridCommand, insight: PutInsight) -> Steps:
        """Writes an insight; the same key replaces."""
        path = f"{self._settings.path('insights')}/{quote(insight.key, safe='')}"
        yield Request("PUT", path, json=wire.insight_body(insight))
        return Done(insight.key)

    # ---- look-ups --------------------------------------------------------------------------------
    def _look_up(self, system: str, reference: str) -> Generator[Request, Response, LookedUp]:
        """The thread with this external reference, which at most one has."""
        asked = self._settings.external_ref_query.format(
            system=system, type=self._settings.external_ref_type, id=reference
        )
        response = yield Request("GET", self._threads, {"external_ref": asked})
        at_s = server_s(response.headers)
        at_ms = None if at_s is None else at_s * 1000
        with promised():
            rows = read(response.json(), ListJson, "threads").data
            for row in rows:
                refs = read(row.get("external_refs") or [], list[ExternalRefJson], "external_refs")
                if any((ref.system, ref.id) == (system, reference) for ref in refs):
                    return LookedUp(str(row["id"]), at_ms)
        return LookedUp(None, at_ms)

    def _path_of(self, found: LookedUp) -> str:
        """The thread's path. A thread that is not there may still be opened by its command."""
        if found.thread_id is None:
            raise OperationError(Transient("the thread is not open yet", early=True))
        return f"{self._threads}/{quote(found.thread_id, safe='')}"

    def _seen_after(self, response: Response) -> Seen | None:
        """The thread in the answer to a transition; None where it must be read to be seen."""
        try:
            return self._seen(response)
        except MalformedError:
            return None

    def _seen(self, response: Response) -> Seen:
        """The thread in an answer. Raises MalformedError."""
        found = mapped(response.json(), "thread", ThreadJson, self._settings.fields)
        status = self._settings.statuses.get(found.status, found.status)
        return Seen(status, found.version, response.headers.get("etag"))

    def _keyed(self, key: str) -> dict[str, str]:
        return {self._settings.idempotency_header.lower(): key}


def _next(move: MoveThread, seen: Seen) -> str:
    """The next status on the way. Raises OperationError where there is no way."""
    way = transitions.way(seen.status, move.to)
    if way is None:
        reason = f"no legal way from {seen.status} to {move.to}"
        raise OperationError(Rejected(reason))
    unresolved = not (move.resolution_code and move.resolution_action)
    if way[0] == ThreadStatus.RESOLVED and unresolved:
        reason = f"the way to {move.to} leads over resolved, which needs a resolution"
        raise OperationError(Rejected(reason))
    return way[0].value


def _somebody_moved_it(response: Response) -> bool:
    code = verdicts.code(response)
    return response.status == 412 or code == verdicts.INVALID_TRANSITION


def _refuse(request: Request, response: Response) -> NoReturn:
    """Ends the operation with the verdict on an answer that it did not know how to handle."""
    verdict = verdicts.verdict(request, response)
    if isinstance(verdict, Delivered):
        raise OperationError(Transient(f"unexpected answer: status {response.status}"))
    raise OperationError(verdict)


def _id(response: Response) -> str | None:
    body = response.json()
    found = body.get("id") if isinstance(body, dict) else None
    return None if found is None else str(found)


@contextmanager
def promised() -> Iterator[None]:
    """An answer that is not what the contract promises: try again, a bounded number of times."""
    try:
        yield
    except MalformedError as error:
        raise OperationError(Transient(f"unexpected answer: {error}")) from error
