"""A poll's page on its way to Kafka: ids, what is known already, what a sweep leaves out."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from connectors.kit.base.clock import SYSTEM
from connectors.kit.connector import Page, Poll
from connectors.kit.output.commits import CommitFailedError
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.reads.pages import DIFFERED, MISSED, PageWriter, digest
from gridwire import metrics
from gridwire.records import Checkpoint, Notice, Partner
from gridwire.topics import CHECKPOINTS, TRADING_GRID_NOTICES, TRADING_GRID_PARTNERS
from tests.unit.connectors.kit.registry import Avro


class Store:
    """Keeps what is committed."""

    def __init__(self) -> None:
        self.commits: list[Sequence[Output]] = []
        self.fails = False

    def open(self) -> str | None:
        return None

    def commit(self, outputs: Sequence[Output]) -> None:
        if self.fails:
            raise CommitFailedError("timed out")
        self.commits.append(outputs)

    def record(self, cursor: str, now_ms: int) -> Checkpoint:
        return Checkpoint(occurred_at=now_ms, platform="acme", resource="partners", cursor=cursor)


class Held:
    """What the topic holds; `asked` is what was asked for."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)
        self.told: dict[str, bytes] = {}
        self.asked: list[tuple[set[str], int]] = []

    def among(self, ids: Collection[str], since_ms: int) -> set[str]:
        self.asked.append((set(ids), since_ms))
        return self.ids & set(ids)

    def states(self, keys: Collection[str], since_ms: int) -> dict[str, bytes]:
        assert since_ms > 0
        return {key: self.told[key] for key in keys if key in self.told}


def _never(_cursor: str | None, _now_ms: int) -> Any:
    raise AssertionError("pages are given by the tests")


class World:
    def __init__(self, held: Held | None = None, **poll: Any) -> None:
        self.avro, self.store = Avro(), Store()
        self.poll = Poll("partners", 30.0, _never, **poll)
        self.writer = PageWriter(
            "acme",
            self.poll,
            Messages(self.avro.codec, SYSTEM),
            self.store,
            clock=SYSTEM,
            known=held,
        )

    def write(self, *records: Any, cursor: str = "c") -> list[Any]:
        """What of them is written."""
        self.writer.write(Page(records, cursor, more=False))
        return [
            self.avro.decoded(output.topic, output.value)
            for output in self.store.commits[-1]
            if output.topic != CHECKPOINTS.name
        ]


def partner(name: str, **changed: Any) -> tuple[Any, Partner]:
    fields = {"partner_id": name, "partner_code": "", "name": "n", "status": "active"}
    return TRADING_GRID_PARTNERS, Partner(**(fields | changed))


def notice(event_id: str, occurred_at: int = 7) -> tuple[Any, Notice]:
    return TRADING_GRID_NOTICES, Notice(
        event_id=event_id,
        occurred_at=occurred_at,
        platform="acme",
        resource="thread",
        resource_id="th_1",
        key="th_1",
        event_type="thread.updated",
    )


# ---- ids -----------------------------------------------------------------------------------------
def test_an_id_that_the_connector_gave_stays_for_it_is_that_of_the_webhook() -> None:
    (one,) = World().write(partner("p", event_id="e-1"))
    assert one.event_id == "e-1"


def test_records_without_an_id_get_one_of_their_version_or_else_of_what_they_say() -> None:
    def made(*records: Any) -> list[str]:
        return [one.event_id for one in World().write(*records)]

    assert made(partner("p", version=3)) == made(partner("p", version=3))
    assert made(partner("p", version=3)) != made(partner("p", version=4))
    assert made(partner("p")) == made(partner("p"))
    versionless = made(partner("p"), partner("p", status="suspended"), partner("q"))
    assert len(set(versionless)) == 3


# ---- what webhooks brought -----------------------------------------------------------------------
def found(finding: str) -> float:
    return float(metrics.POLL_FINDINGS.labels("acme", "partners", finding)._value.get())


def test_what_webhooks_brought_is_not_written_again_and_what_they_missed_is_counted() -> None:
    held = Held("e-1", "e-3")
    world, before = World(held, known=TRADING_GRID_NOTICES), found(MISSED)
    written = world.write(notice("e-1", 9), notice("e-2", 5), notice("e-3", 8))
    assert [one.event_id for one in written] == ["e-2"]
    assert found(MISSED) - before == 1
    assert held.asked == [({"e-1", "e-2", "e-3"}, 5)]


def test_records_of_other_topics_are_not_compared() -> None:
    held = Held("e-1")
    world = World(held, known=TRADING_GRID_NOTICES)
    assert len(world.write(partner("p", event_id="e-1"))) == 1
    assert held.asked == []


def test_what_could_not_be_committed_does_not_count_as_missed() -> None:
    world, before = World(Held(), known=TRADING_GRID_NOTICES), found(MISSED)
    world.store.fails = True
    with pytest.raises(CommitFailedError):
        world.write(notice("e-1"))
    assert found(MISSED) == before


# ---- sweeps --------------------------------------------------------------------------------------
def test_a_sweep_writes_only_what_differs_from_what_was_last_told_by_whomever() -> None:
    held = Held()
    world = World(held, known=TRADING_GRID_PARTNERS, sweep=True)
    before = found(DIFFERED)
    first = [partner("p", event_id="1", version=1), partner("q", event_id="2", version=1)]
    assert [one.partner_id for one in world.write(*first)] == ["p", "q"]
    held.told = {"p": digest(first[0][1]), "q": digest(first[1][1])}
    again = [partner("p", event_id="3", version=9), partner("q", event_id="4", status="gone")]
    assert [one.partner_id for one in world.write(*again)] == ["q"]
    # A webhook tells of a change; the next is lost, and the object is as the sweep saw it before.
    held.told["p"] = digest(partner("p", status="suspended")[1])
    assert [one.event_id for one in world.write(partner("p", event_id="5"))] == ["5"]
    assert found(DIFFERED) - before == 2
