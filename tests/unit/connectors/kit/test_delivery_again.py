"""A sink's handler: commands that come again, and commands that are refused one after another."""

from collections.abc import Sequence

import msgspec
import pytest

from connectors.kit.connector import Safety, Transient
from connectors.kit.http.client import NoAnswerError
from connectors.kit.lanes.effects import Effects, Memory, id_of
from connectors.kit.lanes.work import Assigned, Entry, Later, Settled
from connectors.kit.sinks.reject_limit import PAUSE_S_FIRST, TRIES_MIN
from gridwire import metrics
from gridwire.limits import Limits
from gridwire.replays import LetterId, Replay
from gridwire.topics import BRAZE_COMMANDS, DEAD_LETTER_SINKS
from tests.unit.connectors.kit.platforms import Scripted, answer
from tests.unit.connectors.kit.records import assigned, entry
from tests.unit.connectors.kit.test_delivery import COMMAND, World

DAY_MS = 86_400_000


def _letter(offset: int) -> Replay:
    return Replay(str(LetterId(DEAD_LETTER_SINKS.name, 0, offset)))


LETTER, OTHER_LETTER = _letter(7), _letter(9)
OK = answer(201, {"id": "obj-9"})
TIMEOUT = NoAnswerError(Transient("timeout"), sent=True)


class Home:
    """A partition that remembers, and its commands."""

    def __init__(
        self, *answers: Scripted, safety: Safety = "natural", limits: Limits | None = None
    ) -> None:
        self.world = World(*answers, safety=safety)
        if limits is not None:
            self.world.deliveries._limit.limits = limits
        self.assigned: Assigned = assigned()
        self.assigned.effects = Effects(Memory(DAY_MS, 1_000))
        self._offset = 0

    def entry(self, event_id: str = "c-1", replay: Replay | None = None) -> Entry:
        self._offset += 1
        command = msgspec.structs.replace(COMMAND, event_id=event_id)
        value = self.world.avro.encoded(BRAZE_COMMANDS, command)
        headers = replay.headers() if replay else []
        return entry(self._offset, command.lane, of=self.assigned, value=value, headers=headers)

    async def handle(self, one: Entry) -> Settled | Later:
        """As lanes and feed do it: what is settled is known at once."""
        outcome = await self.world.handle(one)
        if isinstance(outcome, Settled) and self.assigned.effects is not None:
            self.assigned.effects.add(outcome.effects)
        return outcome

    async def outcomes(self, entries: Sequence[Entry]) -> list[str]:
        """In a word each."""
        words = []
        for one in entries:
            outcome = await self.handle(one)
            if isinstance(outcome, Later):
                words.append("later")
            else:
                words.append(self.world.receipt(outcome).outcome if outcome.outputs else "nothing")
        return words

    @property
    def requests(self) -> int:
        return len(self.world.http.requests)


# ---- the ledger --------------------------------------------------------------------------------------------------
async def test_a_command_that_comes_again_is_not_sent_and_has_no_second_receipt() -> None:
    home = Home(OK)
    counter = metrics.COMMANDS.labels("acme", "set_attributes", "duplicate")
    before = counter._value.get()
    first, second = home.entry(), home.entry()
    assert await home.outcomes([first, second, home.entry("c-2")]) == [
        "delivered",
        "nothing",
        "delivered",
    ]
    assert home.requests == 2
    again = await home.handle(home.entry())
    assert isinstance(again, Settled)
    assert again.effects == ()
    again.committed()
    assert counter._value.get() == before + 1


async def test_what_was_refused_or_given_up_had_no_effect_and_may_come_again() -> None:
    home = Home(answer(400), OK)
    assert await home.outcomes([home.entry(), home.entry()]) == ["rejected", "delivered"]


async def test_an_unsafe_command_of_unknown_outcome_is_not_sent_again_under_its_id() -> None:
    home = Home(TIMEOUT, OK, safety="unsafe")
    assert await home.outcomes([home.entry(), home.entry()]) == ["unknown", "nothing"]
    assert home.requests == 1


async def test_a_replayed_dead_letter_is_let_through_once_however_often_it_stands_there() -> None:
    home = Home(TIMEOUT, OK, safety="unsafe")
    letters = [home.entry(replay=LETTER) for _ in range(2)]
    assert await home.outcomes([home.entry(), *letters]) == ["unknown", "delivered", "nothing"]
    assert await home.outcomes([home.entry(replay=OTHER_LETTER)]) == ["nothing"]


async def test_a_letter_of_a_command_that_was_delivered_meanwhile_is_not_carried_out() -> None:
    home = Home(answer(400), OK)
    assert await home.outcomes([home.entry(), home.entry()]) == ["rejected", "delivered"]
    assert await home.outcomes([home.entry(replay=LETTER)]) == ["nothing"]
    assert home.requests == 2


async def test_a_letter_whose_replay_was_refused_once_and_delivered_once_leaves_no_other_through() -> (
    None
):
    home = Home(answer(400), OK)
    letters = [home.entry(replay=one) for one in (LETTER, LETTER, OTHER_LETTER)]
    assert await home.outcomes(letters) == ["rejected", "delivered", "nothing"]
    assert home.requests == 2


async def test_letters_of_an_unknown_outcome_pass_until_one_is_delivered() -> None:
    home = Home(TIMEOUT, TIMEOUT, answer(400), OK, safety="unsafe")
    replays = [LETTER, OTHER_LETTER, *(_letter(number) for number in (10, 11))]
    commands = [home.entry(), *(home.entry(replay=one) for one in replays)]
    words = ["unknown", "unknown", "rejected", "delivered", "nothing"]
    assert await home.outcomes(commands) == words
    assert home.requests == 4


async def test_a_partition_without_a_ledger_knows_nothing() -> None:
    home = Home(OK)
    home.assigned.effects = None
    assert await home.outcomes([home.entry(), home.entry()]) == ["delivered", "delivered"]


async def test_what_was_delivered_is_told_by_the_id_that_the_ledger_keeps() -> None:
    home = Home(OK)
    outcome = await home.handle(home.entry())
    assert isinstance(outcome, Settled)
    assert outcome.effects == (id_of("c-1"),)


# ---- intents -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [429, 503])
async def test_an_unsafe_command_that_waits_after_an_answer_is_no_intent_any_more(
    status: int,
) -> None:
    home = Home(answer(status), OK, safety="unsafe")
    one = home.entry()
    assert await home.outcomes([one, one]) == ["later", "delivered"]
    assert home.world.feed.intents == [one.offset] * 2
    assert home.world.feed.retracted == [one.offset]


# ---- refused one after another -----------------------------------------------------------------------------------
async def test_past_the_limit_commands_wait_instead_of_becoming_dead_letters() -> None:
    home = Home(answer(400), limits=Limits(3, 1.0, 10))
    waiting = [home.entry(f"c-{n}") for n in range(5)]
    assert await home.outcomes(waiting) == ["rejected", "rejected", "later", "later", "later"]
    assert home.requests == 3
    assert "set_attributes: 3 commands refused in a row" in str(home.world.deliveries.problem)


async def test_once_the_cause_is_mended_the_commands_that_waited_are_delivered() -> None:
    home = Home(answer(400), answer(400), answer(400), OK, limits=Limits(3, 1.0, 10))
    waiting = [home.entry(f"c-{n}") for n in range(10)]
    await home.outcomes(waiting)
    home.world.time.passed_s += PAUSE_S_FIRST
    assert await home.outcomes(waiting[2:]) == ["delivered"] * 8
    assert home.world.deliveries.problem is None
    assert home.requests == 3 + 8 > 3 + TRIES_MIN
