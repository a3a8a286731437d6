"""The state machines, as data: status -> the statuses that may follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Machine:
    """`field` is the object's field that holds the status."""

    initial: str
    graph: Graph
    field: str = "status"

    def allows(self, current: str, to: str) -> bool:
        return to in self.graph.get(current, frozenset())

    def path(self, current: str, to: str) -> list[str]:
        """The shortest legal way from `current` (excluded) to `to`; empty when there is none."""
        ways = deque([[current]])
        seen = {current}
        while ways:
            way = ways.popleft()
            for following in sorted(self.graph.get(way[-1], frozenset()) - seen):
                if following == to:
                    return [*way[1:], to]
                seen.add(following)
                ways.append([*way, following])
        return []


def _graph(table: str, *, from_any: str = "", terminal: str = "") -> Graph:
    """Lines `from > to to`; `from_any` statuses follow every one that is not terminal."""
    edges: dict[str, set[str]] = {}
    for line in table.strip().splitlines():
        source, _, targets = line.partition(">")
        edges.setdefault(source.strip(), set()).update(targets.split())
        for target in targets.split():
            edges.setdefault(target, set())
    for everywhere in from_any.split():
        edges.setdefault(everywhere, set())
        for source in edges.keys() - set(terminal.split()) - {everywhere}:
            edges[source].add(everywhere)
    return {source: frozenset(targets) for source, targets in edges.items()}


THREAD = Machine(
    "open",
    _graph(
        """
        open              > acknowledged
        acknowledged      > in_progress
        in_progress       > awaiting_partner awaiting_internal resolved
        awaiting_partner  > awaiting_internal resolved
        awaiting_internal > awaiting_partner resolved
        resolved          > closed reopened
        reopened          > in_progress
        escalated         > in_progress
        """,
        from_any="escalated cancelled",
        terminal="closed cancelled",
    ),
)

DOCUMENT = Machine(
    "draft",
    _graph(
        """
        draft             > submitted
        submitted         > under_review
        under_review      > approved rejected changes_requested
        changes_requested > submitted
        approved          > superseded expired
        """
    ),
)

PARTNER = Machine(
    "invited",
    _graph(
        """
        invited    > registered
        registered > onboarding
        onboarding > testing
        testing    > active
        active     > suspended
        suspended  > active terminated
        """
    ),
)

LAUNCH = Machine(
    "planned",
    _graph(
        """
        planned   > preparing
        preparing > ready
        ready     > launched
        launched  > closed
        delayed   > preparing
        """,
        from_any="delayed cancelled",
        terminal="closed cancelled",
    ),
)

PURCHASE_ORDER = Machine(
    "created",
    _graph(
        """
        created                > sent cancelled
        sent                   > acknowledged partially_acknowledged rejected change_requested
        sent                   > cancelled
        acknowledged           > in_fulfilment cancelled
        partially_acknowledged > in_fulfilment cancelled
        change_requested       > in_fulfilment cancelled
        rejected               > cancelled
        in_fulfilment          > partially_shipped shipped cancelled
        partially_shipped      > shipped
        shipped                > delivered
        delivered              > closed
        """
    ),
)

FULFILMENT = Machine(
    "created",
    _graph(
        """
        created    > packed
        packed     > shipped
        shipped    > in_transit
        in_transit > delivered exception
        exception  > in_transit returned
        """
    ),
)

AVAILABILITY = Machine(
    "proposed",
    _graph("proposed > accepted rejected superseded expired"),
    field="decision_status",
)

ANNOUNCEMENT = Machine(
    "draft",
    _graph(
        """
        draft     > scheduled published
        scheduled > published
        published > archived
        """
    ),
)

MILESTONE = Machine(
    "planned",
    _graph(
        """
        planned > reached missed
        missed  > reached
        """
    ),
)
