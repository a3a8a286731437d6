"""The documents of an order's processes: which are approved now, and when all that a process requires are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gridwire.records import Document, DocumentRelease, Order, OrderDocument
from streams.flow import CancelTimer, Effects, Filtered, Fired, Forget, Keep, SetTimer
from streams.rules.dates import arrived_at

APPROVED = "approved"
RELEASE = "release/"


class Paper(msgspec.Struct, frozen=True, array_like=True):
    """One document as it was seen last. Times in epoch milliseconds; from 0 and until None: always."""

    type: str
    status: str
    version: int
    from_ms: int
    until_ms: int | None

    def holds(self, now_ms: int) -> bool:
        """Approved, and neither superseded, expired, nor yet to come."""
        begun_and_not_over = self.from_ms <= now_ms and (
            self.until_ms is None or now_ms < self.until_ms
        )
        return self.status == APPROVED and begun_and_not_over


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `released`: its customer was told; never again."""

    papers: Mapping[str, Paper] = msgspec.field(default_factory=dict)
    released: bool = False
    seen_at: int = 0


class Papers(msgspec.Struct, frozen=True):
    """The processes of one order, by `<process>/<which>`."""

    processes: Mapping[str, Process] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collecting:
    """required: process → types of documents. settle_ms: how long all must stand, as documents come in no order.

    processes_max, papers_max: per order, and per process. keep_ms: how long a quiet order is remembered.
    """

    required: Mapping[str, Sequence[str]]
    settle_ms: int
    processes_max: int
    papers_max: int
    keep_ms: int

    def collect(self, entry: OrderDocument, papers: Papers | None, order: Order) -> Effects:
        """What a document means for its process."""
        papers, document = papers or Papers(), entry.document
        name = f"{document.process}/{document.process_ref or ''}"
        process = papers.processes.get(name, Process())
        why_not = self._passed_over(document, process, order)
        if why_not:
            yield Filtered(why_not)
            return
        if len({*papers.processes, name}) > self.processes_max:
            yield Filtered("too many processes of one order")
            return
        after = {**process.papers, document.document_id: _paper(document)}
        if len(after) > self.papers_max:
            yield Filtered("too many documents of one process")
            return
        now_ms = arrived_at(entry)
        process = msgspec.structs.replace(process, papers=after, seen_at=now_ms)
        yield Keep(Papers({**papers.processes, name: process}))
        yield SetTimer("forget", now_ms + self.keep_ms)
        yield from self._due(name, process, now_ms)

    def due(self, fired: Fired[Papers], order: Order | None) -> Effects:
        """All documents have stood for a while: the process is released, unless one does not hold any more."""
        name = fired.name.removeprefix(RELEASE)
        process = fired.state.processes.get(name)
        if fired.name == "forget" or process is None:
            yield Forget()
            return
        held = self._complete(name, process, fired.due_ms)
        if held is None or process.released:
            yield Filtered("not all documents hold any more")
            return
        if order is None or order.customer_ref is None:
            yield Filtered("guest order")
            return
        released = msgspec.structs.replace(process, released=True)
        yield Keep(Papers({**fired.state.processes, name: released}))
        kind, _, which = name.partition("/")
        yield DocumentRelease(
            customer_ref=order.customer_ref,
            order_ref=fired.key,
            process=kind,
            process_ref=which,
            document_ids=tuple(held.values()),
            types=tuple(held),
        )

    def _passed_over(self, document: Document, process: Process, order: Order) -> str:
        required = self.required.get(document.process or "")
        if required is None:
            return "process requires no documents"
        if order.customer_ref is None:
            return "guest order"
        if document.type not in required:
            return "process does not require it"
        known = process.papers.get(document.document_id)
        return "older version" if known and document.version < known.version else ""

    def _due(self, name: str, process: Process, now_ms: int) -> Effects:
        """When all that is required holds: then, or when the last of it begins to."""
        if process.released:
            yield Filtered("released already")
            return
        at_ms = self._complete_at(name, process, now_ms + self.settle_ms)
        timer = f"{RELEASE}{name}"
        yield CancelTimer(timer) if at_ms is None else SetTimer(timer, at_ms)

    def _complete_at(self, name: str, process: Process, from_ms: int) -> int | None:
        """The first time from then on at which all that is required holds, as far as is known now."""
        begins = {max(from_ms, paper.from_ms) for paper in process.papers.values()}
        return next(
            (at for at in sorted({from_ms, *begins}) if self._complete(name, process, at)), None
        )

    def _complete(self, name: str, process: Process, now_ms: int) -> dict[str, str] | None:
        """Type → the document that stands for it (the one that began first); None where one is missing."""
        found: dict[str, str] = {}
        for wanted in self.required[name.partition("/")[0]]:
            holding = [
                (paper.from_ms, document_id)
                for document_id, paper in process.papers.items()
                if paper.type == wanted and paper.holds(now_ms)
            ]
            if not holding:
                return None
            found[wanted] = min(holding)[1]
        return found


def _paper(document: Document) -> Paper:
    ends = [at for at in (document.valid_until, document.expires_at) if at is not None]
    return Paper(
        document.type,
        document.status,
        document.version,
        document.valid_from or 0,
        min(ends, default=None),
    )
