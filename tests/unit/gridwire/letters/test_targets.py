"""Where a letter goes back to, with what, and which go nowhere, and why."""

import pytest

from gridwire import topics
from gridwire.commands.letters.letter import Letter
from gridwire.commands.letters.targets import Allowed, Refusal, Target, Targets, legs_of
from gridwire.dead_letters import KEY_BYTES_MAX, PERHAPS_DONE, Origin, Why
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.replays import Replay, Timer, replay_in
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES
from streams.feeds import FEEDS
from streams.flows import FLOWS
from tests.unit.gridwire.letters.making import letter

LEGS = legs_of((*FEEDS, *FLOWS))
PARTITIONS = {topic.name: 4 for topic in topics.TOPICS}
ENRICH = "braze.engagement-insight/enrich"
WINDOWS = "braze.engagement-insight/windows"
COMMAND = Origin("command.braze", 3, 12)


def target(one: Letter) -> Target:
    found = Targets(LEGS, PARTITIONS).of(one)
    assert isinstance(found, Target), found
    return found


def refusal(one: Letter) -> str:
    found = Targets(LEGS, PARTITIONS).of(one)
    assert isinstance(found, Refusal), found
    return found.why


def test_a_streams_letter_goes_back_to_its_place_for_its_leg_and_group_alone() -> None:
    one = letter(Why("flow raised", ENRICH, attempt=2, group="fast"))
    found = target(one)
    assert (found.topic, found.partition) == ("source.braze.engagement", 2)
    assert (found.key, found.value) == (b"ann", b"v")
    assert replay_in(found.headers) == Replay("dead-letter.streams/0/7", ENRICH, "fast", 2)
    assert ("traceparent", b"00-ab") in found.headers
    assert not any(name.startswith("__connect.errors.") for name, _ in found.headers)


def test_bytes_that_nobody_could_read_go_back_to_every_leg_of_the_group() -> None:
    one = letter(Why("unknown schema id", "", group="streams", stage="VALUE_CONVERTER"))
    found = replay_in(target(one).headers)
    assert found == Replay("dead-letter.streams/0/7", "", "streams", 1)


def test_a_timer_comes_back_by_a_topic_that_its_leg_reads_and_without_a_record() -> None:
    timer = Timer("close/17", 1_767_225_600_000)
    place = Origin("state.braze.engagement-insight.windows", 1, -1)
    one = letter(Why("timer failed", WINDOWS, timer=timer), origin=place, key=b"p|US|s")
    found = target(one)
    assert (found.topic, found.partition, found.key) == (
        "stream.engagement-partials",
        1,
        b"p|US|s",
    )
    assert found.value is None
    assert replay_in(found.headers) == Replay("dead-letter.streams/0/7", WINDOWS, timer=timer)


def test_a_command_goes_back_to_its_topic() -> None:
    one = letter(Why("refused", "braze.case-notification"), to=DEAD_LETTER_SINKS, origin=COMMAND)
    found = target(one)
    assert (found.topic, found.partition, found.value) == ("command.braze", 3, b"v")
    assert replay_in(found.headers) == Replay("dead-letter.sinks/0/7")


@pytest.mark.parametrize("reason", sorted(PERHAPS_DONE))
def test_a_command_that_may_have_been_carried_out_goes_out_again_only_when_told_so(
    reason: str,
) -> None:
    one = letter(Why(reason, "f"), to=DEAD_LETTER_SINKS, origin=COMMAND)
    assert "--even-if-sent" in refusal(one)
    told = Targets(LEGS, PARTITIONS, allowed=Allowed(even_if_sent=True))
    assert isinstance(told.of(one), Target)


def test_a_command_that_newer_ones_have_overtaken_goes_out_only_when_told_so() -> None:
    one = letter(Why("refused", "f"), to=DEAD_LETTER_SINKS, origin=COMMAND)
    late = frozenset({one.id})
    found = Targets(LEGS, PARTITIONS, overtaken=late).of(one)
    assert isinstance(found, Refusal)
    assert "--even-if-overtaken" in found.why
    told = Targets(LEGS, PARTITIONS, overtaken=late, allowed=Allowed(even_if_overtaken=True))
    assert isinstance(told.of(one), Target)


@pytest.mark.parametrize(
    ("groups", "goes"), [(None, True), (frozenset({"fast"}), True), (frozenset({"slow"}), False)]
)
def test_a_letter_of_a_group_that_is_not_there_stays(
    groups: frozenset[str] | None, *, goes: bool
) -> None:
    one = letter(Why("flow raised", ENRICH, group="fast"))
    found = Targets(LEGS, PARTITIONS, groups=groups).of(one)
    assert isinstance(found, Target) is goes


def test_a_notice_goes_back_to_its_topic() -> None:
    place = Origin("source.bigcommerce.notices", 0, 5)
    why = Why("given up", "bigcommerce/fetch")
    found = target(letter(why, to=DEAD_LETTER_SOURCES, origin=place))
    assert (found.topic, found.partition) == ("source.bigcommerce.notices", 0)


@pytest.mark.parametrize(
    ("one", "word"),
    [
        (
            letter(Why("malformed delivery", "acme/x"), to=DEAD_LETTER_SOURCES, origin=Origin()),
            "send it again",
        ),
        (letter(Why("flow raised", "gone.flow/leg")), "no leg gone.flow/leg reads"),
        (letter(Why("flow raised", WINDOWS)), f"no leg {WINDOWS} reads"),
        (letter(Why("timer failed", ENRICH, timer=Timer("t", 1))), "no timers"),
        (letter(Why("x", ""), origin=Origin("state.old", 0, -1)), "not one of this version"),
        (letter(Why("x", ""), origin=Origin("table.products", 0, 1)), "compacted"),
        (letter(Why("x", ""), origin=Origin("source.braze.engagement", 9, 1)), "no partition 9"),
        (letter(Why("x", ""), key=b"k" * KEY_BYTES_MAX), "its key was cut"),
    ],
)
def test_what_cannot_go_back_says_why_and_what_to_do(one: Letter, word: str) -> None:
    why = refusal(one)
    assert word in why
    assert "discard" in why


def test_a_letter_in_parts_goes_back_whole() -> None:
    raw = bytes(MESSAGE_BYTES_MAX - 500)
    one = letter(Why("flow raised", ENRICH), value=raw)
    assert target(one).value == raw


def test_a_letter_whose_parts_are_not_all_there_waits() -> None:
    one = letter(Why("flow raised", ENRICH))
    cut = Letter(one.id, one.key, one.value, one.headers, one.written_ms, parts_missing=1)
    assert "parts" in refusal(cut)
