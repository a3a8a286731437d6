"""A sink whose operation is sent in bulk, with lanes, caller and a platform that is held in the hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from connectors.kit.auth import TokenCall
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    Misconfigured,
    Operation,
    OperationError,
    Platform,
    Rejected,
    Request,
    Response,
    Safety,
    Sink,
    Steps,
    Transient,
)
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller
from connectors.kit.http.client import NoAnswerError
from connectors.kit.lanes.lanes import Lanes
from connectors.kit.lanes.work import Assigned, Entry
from connectors.kit.output.messages import Messages
from connectors.kit.sinks.delivery import Deliveries, Terms
from gridwire.records import BrazeCommand, Receipt, SetAttributes
from gridwire.topics import BRAZE_COMMANDS, BRAZE_RECEIPTS, DEAD_LETTER_SINKS
from tests.unit.connectors.kit.clocks import EPOCH_S, FakeTime
from tests.unit.connectors.kit.platforms import answer, platform
from tests.unit.connectors.kit.records import FakeFeed, assigned, entry
from tests.unit.connectors.kit.registry import Avro

NAME = "set_attributes"
RESULTS: Mapping[str, Rejected | Transient | Misconfigured] = {
    "refused": Rejected("item refused"),
    "busy": Transient("item busy"),
    "forbidden": Misconfigured("no permission"),
}


def steps(command: Any, body: Any) -> Steps:
    """One command alone."""
    found = yield Request("POST", "/item", json=[_told(command, body)])
    (word,) = found.json()
    refusal = RESULTS.get(word)
    if refusal is not None:
        raise OperationError(refusal)
    return Done(object_id=word)


def bulk_steps(items: Sequence[Item]) -> BulkSteps:
    """All in one request; the answer has a word for each."""
    body = [_told(item.command, item.body) for item in items]
    found = yield Request("POST", "/items", json=body)
    return [RESULTS.get(word) or Done(object_id=word) for word in found.json()]


def _told(command: Any, body: Any) -> list[str]:
    return [command.event_id, body.attributes.get("is", "")]


class Shop:
    """Answers each call by what its items are: `refused`, `busy`, `poison` (the whole call is a 422), …

    `calls`: ids of every call; `effects`: ids in the order they had their effect. `held`: calls wait for it.
    """

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.effects: list[str] = []
        self.scripted: list[Response | NoAnswerError] = []
        self.held: asyncio.Event | None = None
        self.under_way = self.under_way_max = 0
        self.paths: list[str] = []

    async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response:
        items = [tuple(one) for one in request.json or ()]
        self.calls.append([id_ for id_, _ in items])
        self.paths.append(request.path)
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            if self.held is not None:
                await self.held.wait()
            await asyncio.sleep(0)
            return self._answer(items)
        finally:
            self.under_way -= 1

    def _answer(self, items: Sequence[tuple[Any, ...]]) -> Response:
        scripted = self.scripted.pop(0) if self.scripted else None
        if isinstance(scripted, NoAnswerError):
            self.effects += [id_ for id_, _ in items]  # taken, and then no answer
            raise scripted
        if scripted is not None:
            return scripted
        whats = [what for _, what in items]
        if "poison" in whats:
            return answer(422, {"message": "one of them is wrong"})
        if "breaks" in whats:
            return answer(500)
        self.effects += [id_ for id_, what in items if what not in RESULTS]
        return answer(200, [what if what in RESULTS else f"obj-{id_}" for id_, what in items])

    async def fetch_token(self, call: TokenCall) -> Response:
        raise AssertionError("no token is needed")

    def whole(self) -> list[list[str]]:
        """The calls with more than one item."""
        return [ids for ids in self.calls if len(ids) > 1]


class World:
    """Lanes, deliveries and caller around a `Shop`."""

    def __init__(
        self,
        bulk: Bulk | None = None,
        *,
        time: FakeTime | None = None,
        shop: Any = None,
        attempts_max: int = 4,
        failures_max: int = 50,
        concurrency: int = 4,
        safety: Safety | Callable[[Any], Safety] = "natural",
        alone: Callable[[Any, Any], Any] = steps,
        **changed: Any,
    ) -> None:
        self.time = time or FakeTime(chance=0.0)
        self.avro = Avro()
        self.shop = shop or Shop()
        self.feed = FakeFeed()
        target: Platform = replace(platform(), concurrency=concurrency, **changed)
        operation = Operation(NAME, safety, alone, bulk or Bulk(bulk_steps, items_max=50))
        sink = Sink(target, BRAZE_COMMANDS, BRAZE_RECEIPTS, {NAME: operation})
        breaker = BreakerPolicy(failures_max=failures_max, open_s_first=1.0)
        self.caller = Caller(target, self.shop, self.time.clock, breaker)
        policy = RetryPolicy(attempts_max=attempts_max)
        self._messages = Messages(self.avro.codec, self.time.clock)
        terms = Terms(policy)
        self.deliveries = Deliveries(sink, self.caller, self._messages, terms, self.time.clock)
        self.lanes = Lanes(self.deliveries, concurrency, self.time.clock)
        self.deliveries.feed = self.lanes.feed = self.feed

    @asynccontextmanager
    async def running(self) -> AsyncIterator["World"]:
        await self._messages.prepare(BRAZE_RECEIPTS)  # so that no record waits for the registry
        await self._messages.read(BRAZE_COMMANDS, self.entry(0, of=assigned()).message.value())
        self.lanes.start()
        try:
            yield self
        finally:
            await self.lanes.stop()

    def entry(self, n: int, what: str = "", *, lane: str | None = None, of: Assigned) -> Entry:
        """The command number `n`; without a lane it has one of its own. `what` it is to the shop."""
        command = BrazeCommand(
            event_id=f"c-{n}",
            occurred_at=1,
            produced_at=int(EPOCH_S * 1_000),
            source="test",
            trace_id="a" * 32,
            flow="test.flow",
            lane=lane or f"lane-{n}",
            operation=NAME,
            set_attributes=SetAttributes(customer_ref=f"u-{n}", attributes={"is": what}),
        )
        value = self.avro.encoded(BRAZE_COMMANDS, command)
        return entry(n, command.lane, of=of, value=value)

    def receipts(self) -> list[Receipt]:
        found = []
        for settled in self.feed.settled:
            for output in settled.outputs:
                if output.topic == BRAZE_RECEIPTS.name:
                    receipt = self.avro.decoded(output.topic, output.value)
                    assert isinstance(receipt, Receipt)
                    found.append(receipt)
        return found

    def ends(self) -> dict[str, str]:
        """Outcome by command id; fails where one has two."""
        receipts = self.receipts()
        found: dict[str, str] = {one.command_id: one.outcome for one in receipts}
        assert len(found) == len(receipts)
        return found

    def letters(self) -> int:
        outputs = [output for settled in self.feed.settled for output in settled.outputs]
        return sum(output.topic == DEAD_LETTER_SINKS.name for output in outputs)


def ids(*numbers: int) -> list[str]:
    return [f"c-{n}" for n in numbers]
