"""Whatever arrives, with whatever verdicts, while partitions come and go: one outcome per command."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit.connector import Bulk, Request, Response, Transient
from connectors.kit.http.client import NoAnswerError
from connectors.kit.lanes.work import Assigned
from tests.unit.connectors.kit.bulks import Shop, World, bulk_steps
from tests.unit.connectors.kit.platforms import Scripted, answer
from tests.unit.connectors.kit.records import assigned, turns

PARTITIONS = 3
LANES = 3  # per partition
TURNS_MAX = 20_000
MOODS: tuple[Scripted, ...] = (
    answer(500),
    answer(429),
    answer(422),
    NoAnswerError(Transient("timeout"), sent=True),
    NoAnswerError(Transient("cannot connect"), sent=False),
)


class MoodyShop(Shop):
    """Slow and unwell at times, by dice; well for good once `moods` are used up."""

    def __init__(self, dice: random.Random, moods: int) -> None:
        super().__init__()
        self._dice = dice
        self._moods = moods

    async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response:
        for _ in range(self._dice.randrange(6)):
            await asyncio.sleep(0)
        if self._moods > 0 and self._dice.random() < 0.4:
            self._moods -= 1
            self.scripted.append(self._dice.choice(MOODS))
        return await super().exchange(request, headers)

    def _answer(self, items: Sequence[tuple[Any, ...]]) -> Response:
        if self.scripted and isinstance(self.scripted[0], NoAnswerError):
            error = self.scripted[0]
            if not error.sent:
                self.scripted.pop(0)
                raise error
        return super()._answer(items)


@dataclass
class Play:
    """A world, its partitions' owners by turns, and which commands of each partition are settled."""

    world: World
    commands: list[tuple[int, str, str]] = field(default_factory=list)  # partition, lane, what
    owners: dict[int, Assigned] = field(default_factory=lambda: {n: assigned(n) for n in range(9)})

    def arrive(self, partition: int, lane: int, what: str) -> None:
        self.commands.append((partition, f"p{partition}-l{lane}", what))
        self._deliver(len(self.commands) - 1)

    def _deliver(self, n: int) -> None:
        partition, lane, what = self.commands[n]
        self.world.lanes.arrived([self.world.entry(n, what, lane=lane, of=self.owners[partition])])

    async def revoke(self, partition: int, *, orderly: bool) -> None:
        """To another owner, who carries out what has no outcome yet."""
        leaving = self.owners[partition]
        if orderly:
            await asyncio.wait_for(self.world.lanes.drain([leaving]), 10.0)
        await asyncio.wait_for(self.world.lanes.drop([leaving]), 10.0)
        leaving.lost = True
        settled = set(self.world.feed.offsets())
        self.owners[partition] = assigned(partition)
        for n, (home, _, _) in enumerate(self.commands):
            if home == partition and n not in settled:
                self._deliver(n)

    async def through(self) -> None:
        for _ in range(TURNS_MAX):
            if len(set(self.world.feed.offsets())) == len(self.commands):
                return
            await asyncio.sleep(0)
        raise AssertionError("commands were left without an outcome")


ARRIVAL = st.tuples(
    st.integers(0, PARTITIONS - 1),
    st.integers(0, LANES - 1),
    st.sampled_from(["", "", "", "refused", "busy", "poison", "breaks", "xxxxxxxxxxxxxxxxxxxx"]),
)
EVENT = st.one_of(
    ARRIVAL,
    ARRIVAL,
    ARRIVAL,
    st.tuples(st.just("revoke"), st.integers(0, PARTITIONS - 1)),
    st.tuples(st.just("confirmed"), st.booleans()),
    st.tuples(st.just("turns"), st.integers(0, 12)),
)
BULK = st.builds(
    Bulk,
    st.just(bulk_steps),
    st.integers(1, 7),
    in_order=st.booleans(),
    bytes_max=st.sampled_from([None, 1, 150, 400]),
    parallel_max=st.integers(1, 3),
    apart=st.sampled_from([None, lambda _command, body: body.attributes["is"]]),
)


async def played(bulk: Bulk, events: Sequence[Any], seed: int, *, orderly: bool) -> Play:
    shop = MoodyShop(random.Random(seed), moods=12)
    play = Play(World(bulk, shop=shop, attempts_max=5, concurrency=3))
    async with play.world.running():
        for event in events:
            match event:
                case ("revoke", partition):
                    play.world.feed.is_confirmed = True
                    await play.revoke(partition, orderly=orderly)
                case ("confirmed", value):
                    play.world.feed.is_confirmed = value
                case ("turns", count):
                    await turns(count)
                case (partition, lane, what):
                    play.arrive(partition, lane, what)
        play.world.feed.is_confirmed = True
        await play.through()
        await turns(50)
    return play


def check_outcomes(play: Play) -> None:
    """One outcome per command, the right one, in the order of each lane."""
    offsets = play.world.feed.offsets()
    assert Counter(offsets) == dict.fromkeys(range(len(play.commands)), 1)
    ends = play.world.ends()
    for n, (_, _, what) in enumerate(play.commands):
        if what in ("refused", "busy", "breaks", "poison"):
            assert ends[f"c-{n}"] in ("rejected", "expired")
        assert ends[f"c-{n}"] != "unknown"
    for lane in {lane for _, lane, _ in play.commands}:
        own = [n for n in offsets if play.commands[n][1] == lane]
        assert own == sorted(own)


@settings(max_examples=150, deadline=None)
@given(BULK, st.lists(EVENT, max_size=60), st.integers(0, 2**32))
def test_every_command_has_one_outcome_and_its_lane_keeps_its_order(
    bulk: Bulk, events: list[Any], seed: int
) -> None:
    check_outcomes(asyncio.run(played(bulk, events, seed, orderly=False)))


@settings(max_examples=150, deadline=None)
@given(BULK, st.lists(EVENT, max_size=60), st.integers(0, 2**32))
def test_where_partitions_leave_in_order_so_do_effects_at_the_platform(
    bulk: Bulk, events: list[Any], seed: int
) -> None:
    play = asyncio.run(played(bulk, events, seed, orderly=True))
    check_outcomes(play)
    last = {id_: at for at, id_ in enumerate(play.world.shop.effects)}
    ends = play.world.ends()
    for lane in {lane for _, lane, _ in play.commands}:
        numbers = [n for n, (_, home, _) in enumerate(play.commands) if home == lane]
        delivered = [f"c-{n}" for n in numbers if ends[f"c-{n}"] == "delivered"]
        assert [last[id_] for id_ in delivered] == sorted(last[id_] for id_ in delivered)
        if not bulk.in_order:  # then even attempts never overtake one another
            own = [int(id_[2:]) for id_ in play.world.shop.effects if int(id_[2:]) in set(numbers)]
            assert own == sorted(own)
