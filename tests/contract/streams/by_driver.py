"""The contract's cases by `streams.driver`."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from gridwire.records import Record
from gridwire.topics import Topic
from streams.driver import Driver
from streams.engine.settle import Limits
from streams.flow import Flow, Table
from tests.contract.streams.world import Damage, Letter, Raw

R = TypeVar("R", bound=Record)
Row = TypeVar("Row", bound=Record)


class DriverWorld:
    """One driver per case."""

    def __init__(
        self, flows: tuple[Flow[Any], ...], go_live_ms: int, start_ms: int, *, restarts: bool
    ) -> None:
        self._restarts = restarts
        limits = Limits(go_live_ms=go_live_ms)
        self._driver = Driver(*flows, start_ms=start_ms, limits=limits)

    @property
    def now_ms(self) -> int:
        return self._driver.now_ms

    def name(self, text: str) -> str:
        return text

    def encoded(self, topic: Topic[R], record: R) -> bytes:
        return self._driver._codec.of(topic).encode(self._driver._ready(record, topic.name))

    def registered(self, schema: str) -> int:
        return self._driver._codec.registry.id_of("another", schema)

    def send(self, topic: Topic[R], *records: R) -> None:
        self._driver.send(topic, *records)

    def send_raw(self, topic: Topic[Any], *messages: Raw) -> None:
        self._driver.send_raw(topic, *((message.key, message.value) for message in messages))

    def row(self, table: Table[Row], row: Row) -> None:
        self._driver.row(table, row)

    def advance(self, *, minutes: float) -> None:
        self._driver.advance(minutes=minutes)

    def interlude(self) -> None:
        if self._restarts:
            self._driver.restart()

    def restart(self, damage: Damage | None = None) -> None:
        for store, rows in (damage or {}).items():
            self._driver._changelog[store].update(rows)
        self._driver.restart()

    def out(self, topic: Topic[R]) -> list[R]:
        return self._driver.out(topic)

    def dead(self) -> list[Letter]:
        return [
            Letter(
                topic=dead.message.topic() or "",
                key=dead.message.key(),
                value=dead.message.value(),
                reason=dead.reason,
                leg=f"{dead.flow}/{dead.leg}" if dead.flow else "",
            )
            for dead in self._driver.dead_letters
        ]

    def ends(self, flow: str, leg: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for (of_flow, of_leg, what, _), count in self._driver.counts.items():
            if (of_flow, of_leg) == (flow, leg):
                found[what] += count
        return found

    def table(self, table: Table[Row]) -> Mapping[str, Row]:
        return self._driver.table(table)

    def parked(self) -> int:
        return self._driver.parked
