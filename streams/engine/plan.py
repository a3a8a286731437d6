"""What a set of flows amounts to: which legs read which topic, which stores and tables they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from gridwire.records import Record
from gridwire.topics import Topic
from streams.flow import Columns, Flow, Fold, Input, Leg, Table
from streams.topology import inputs_of, reads_of, tables_of

PARKED_STORE = "state.parked"
SEEN_STORE = "state.seen"
FEED_PREFIX = "feed."


class PlanError(Exception):
    """The flows contradict one another; the message names flow, leg and fix."""


@dataclass(frozen=True, slots=True, eq=False)
class BoundLeg:
    """A leg within its flow, with what the engine needs precomputed.

    `label`: flow id/leg. `store`: name of the store that holds a fold's state; also its changelog topic. `keyed`: it
    keeps a state, or looks rows up that live with a partition, so records must lie where their keys say.
    """

    flow: str
    leg: Leg
    outputs: Mapping[type[Record], Topic[Any]]
    label: str
    store: str | None
    keyed: bool = False

    @property
    def acts(self) -> bool:
        """It exists to act on platforms: before go-live it has nothing to do, and nothing to remember.

        What it tells other legs besides (streams) is of what it did, or did not do. A data product is not.
        """
        kinds = {topic.kind for topic in self.leg.writes}
        return "command" in kinds and kinds <= {"command", "stream"}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One leg's interest in one topic; `input` is None for columns legs."""

    bound: BoundLeg
    input: Input | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Flows as the engine sees them. `by_topic` keeps the order of the flows: feeds come first."""

    legs: tuple[BoundLeg, ...]
    by_topic: Mapping[str, tuple[Entry, ...]]
    topics: Mapping[str, Topic[Any]]
    references: tuple[Table[Any], ...]
    partitioned: tuple[Table[Any], ...]

    @property
    def stores(self) -> tuple[str, ...]:
        """Every store, which is also the name of its changelog topic."""
        own = [leg.store for leg in self.legs if leg.store]
        tables = [table_store(table) for table in self.partitioned]
        return tuple(dict.fromkeys([PARKED_STORE, SEEN_STORE, *tables, *own]))


def table_store(table: Table[Any]) -> str:
    return f"table.{table.name}"


def bind(flow: str, leg: Leg) -> BoundLeg:
    outputs: dict[type[Record], Topic[Any]] = {}
    for topic in leg.writes:
        if topic.record in outputs:
            raise PlanError(
                f"{flow}/{leg.name} writes two topics of {topic.record.__name__}: split the leg, "
                "an output finds its topic by its type"
            )
        outputs[topic.record] = topic
    keyed = isinstance(leg, Fold) or any(table.copy_of is None for table in tables_of(leg))
    return BoundLeg(flow, leg, outputs, f"{flow}/{leg.name}", _store(flow, leg), keyed)


def _store(flow: str, leg: Leg) -> str | None:
    if not isinstance(leg, Fold):
        return None
    return table_store(leg.state) if isinstance(leg.state, Table) else f"state.{flow}.{leg.name}"


def _feeds(flow: Flow[Any], leg: Leg) -> bool:
    """A leg of a feed that writes a topic which others read."""
    return flow.id.startswith(FEED_PREFIX) and bool(leg.writes)


def _by_records(leg: Leg) -> Leg:
    return replace(leg, batches=None) if isinstance(leg, Columns) else leg


def plan(
    flows: Sequence[Flow[Any]],
    settings: Mapping[str, msgspec.Struct] | None = None,
    *,
    shared_streams: bool = True,
    arrow: bool = True,
) -> Plan:
    """Binds the legs of `flows`, built with `settings` (by flow id; defaults where absent).

    `shared_streams`: False leaves out the legs of feeds that write topics. Only one worker group may write these:
    another would write them twice. `arrow`: False leaves columns legs to their reference, by records.
    """
    settings = settings or {}
    legs: list[BoundLeg] = []
    for flow in flows:
        built = flow.legs(settings.get(flow.id, flow.settings()))
        if not arrow:
            built = tuple(_by_records(leg) for leg in built)
        legs.extend(bind(flow.id, leg) for leg in built if shared_streams or not _feeds(flow, leg))
    duplicates = {leg.label for leg in legs if sum(leg.label == o.label for o in legs) > 1}
    if duplicates:
        raise PlanError(f"{', '.join(sorted(duplicates))}: two legs of one name; rename one")
    by_topic: dict[str, list[Entry]] = {}
    topics: dict[str, Topic[Any]] = {}
    for bound in legs:
        inputs = inputs_of(bound.leg)
        for index, topic in enumerate(reads_of(bound.leg)):
            entry = Entry(bound, None if isinstance(bound.leg, Columns) else inputs[index])
            by_topic.setdefault(topic.name, []).append(entry)
            topics[topic.name] = topic
    tables = tuple(dict.fromkeys(table for bound in legs for table in tables_of(bound.leg)))
    return Plan(
        legs=tuple(legs),
        by_topic={name: tuple(entries) for name, entries in by_topic.items()},
        topics=topics,
        references=tuple(table for table in tables if table.copy_of),
        partitioned=tuple(table for table in tables if not table.copy_of),
    )
