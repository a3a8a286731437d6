"""Braze's sink through lanes, batches and paces, without Kafka and without a network."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from connectors import braze
from connectors.kit.auth import TokenCall
from connectors.kit.base.retry import RetryPolicy
from connectors.kit.connector import Request, Response
from connectors.kit.http.breaker import BreakerPolicy
from connectors.kit.http.calls import Caller
from connectors.kit.lanes.lanes import Lanes
from connectors.kit.output.messages import Messages
from connectors.kit.sinks.delivery import Deliveries, Terms
from gridwire.records import BrazeCommand
from gridwire.topics import BRAZE_COMMANDS, BRAZE_RECEIPTS
from tests.unit.connectors.braze.events import settings
from tests.unit.connectors.kit.clocks import EPOCH_S, HeldTime
from tests.unit.connectors.kit.records import FakeFeed, assigned, entry
from tests.unit.connectors.kit.registry import Avro

SECONDS_MAX = 1_800
Answers = Callable[[Request], Response]


class Platform:
    """Braze: `answers` says what it makes of a request."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def exchange(self, request: Request, _headers: Mapping[str, str]) -> Response:
        await asyncio.sleep(0)
        return self._answers(request)

    async def fetch_token(self, _call: TokenCall) -> Response:
        raise AssertionError("a key is no token")


class World:
    """The sink, and what is in its topic."""

    def __init__(self, answers: Answers, time: HeldTime) -> None:
        self.time = time
        self.feed = FakeFeed()
        self.avro = Avro()
        sink = braze.sink(settings())
        breaker = BreakerPolicy(failures_max=50, open_s_first=1.0)
        caller = Caller(sink.platform, Platform(answers), self.time.clock, breaker)
        self.messages = Messages(self.avro.codec, self.time.clock)
        terms = Terms(RetryPolicy(attempts_max=5))
        deliveries = Deliveries(sink, caller, self.messages, terms, self.time.clock)
        self.lanes = Lanes(deliveries, 8, self.time.clock)
        deliveries.feed = self.lanes.feed = self.feed
        self.home = assigned()
        self.count = 0

    def arrive(self, lane: str, operation: str, body: Any) -> None:
        """One more command."""
        self.count += 1
        command = BrazeCommand(
            event_id=f"c-{self.count}",
            produced_at=int(EPOCH_S * 1_000),
            source="test",
            trace_id="a" * 32,
            flow="test.flow",
            lane=lane,
            operation=operation,
            **{operation: body},
        )
        value = self.avro.encoded(BRAZE_COMMANDS, command)
        self.lanes.arrived([entry(self.count, lane, of=self.home, value=value)])

    async def played(self, play: Callable[[], Awaitable[None]]) -> None:
        """Runs the sink until every command that `play` has arrive has an outcome."""
        await self.messages.prepare(BRAZE_RECEIPTS)
        self.lanes.start()
        try:
            await play()
            for _ in range(SECONDS_MAX):
                if len(self.feed.offsets()) == self.count:
                    return
                await self.time.advance(1.0)
            raise AssertionError(f"{len(self.feed.offsets())} of {self.count} commands are through")
        finally:
            await self.lanes.stop()

    def letters(self) -> int:
        """Dead letters, and records that operations learnt."""
        outputs = [output for settled in self.feed.settled for output in settled.outputs]
        return sum(output.topic.startswith("dead-letter.") for output in outputs)
