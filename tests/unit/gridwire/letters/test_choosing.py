"""Which letters are meant: every filter, the parts of large ones, and what was done with them before."""

from collections.abc import Mapping
from typing import Any

import pytest

from gridwire import cli
from gridwire.commands.letters.letter import Filter, filter_of
from gridwire.commands.letters.marks import Marks
from gridwire.commands.letters.reading import UNFINISHED_MAX, Assembly, Span
from gridwire.commands.letters.text import line
from gridwire.dead_letters import NO_FLOW, VALUE_BYTES_MAX, Why, dead_letter
from gridwire.replays import LetterId
from gridwire.topics import DEAD_LETTER_STREAMS
from tests.unit.gridwire.letters.making import letter, message

WHY = Why("flow raised", "braze.case-notification/tell", trace_id="ab" * 16, stage="TRANSFORMATION")
ONE = letter(WHY)
HIT: Mapping[str, Mapping[str, Any]] = {
    "id": {"letters": frozenset({LetterId("dead-letter.streams", 0, 7)})},
    "flow": {"flow": "braze.case-notification"},
    "label": {"flow": "braze.case-notification/tell"},
    "leg": {"leg": "tell"},
    "reason": {"reason": "flow raised"},
    "topic": {"topic": "source.braze.engagement"},
    "partition": {"partition": 2},
    "key": {"key": b"ann"},
    "trace": {"trace_id": "ab" * 16},
    "since": {"since_ms": ONE.failed_ms},
    "until": {"until_ms": ONE.failed_ms + 1},
}
MISS: Mapping[str, Mapping[str, Any]] = {
    "id": {"letters": frozenset({LetterId("dead-letter.streams", 0, 8)})},
    "flow": {"flow": "braze.case"},
    "leg": {"leg": "other"},
    "reason": {"reason": "flow"},
    "topic": {"topic": "source.braze.profiles"},
    "partition": {"partition": 0},
    "key": {"key": b"bob"},
    "trace": {"trace_id": "cd" * 16},
    "unreadable": {"unreadable": True},
    "since": {"since_ms": ONE.failed_ms + 1},
    "until": {"until_ms": ONE.failed_ms},
}


@pytest.mark.parametrize("given", HIT.values(), ids=HIT)
def test_a_filter_lets_its_letter_through(given: Mapping[str, Any]) -> None:
    assert Filter(**given).narrows
    assert Filter(**given).matches(ONE)


@pytest.mark.parametrize("given", MISS.values(), ids=MISS)
def test_a_filter_keeps_other_letters_out(given: Mapping[str, Any]) -> None:
    assert not Filter(**given).matches(ONE)


def test_no_filter_means_every_letter_and_says_so() -> None:
    assert Filter().matches(ONE)
    assert not Filter().narrows


def test_what_could_not_be_read_is_told_by_its_stage() -> None:
    unreadable = letter(Why("wrong magic byte", "", stage="VALUE_CONVERTER"))
    assert Filter(unreadable=True).matches(unreadable)


def test_the_command_line_says_what_is_meant() -> None:
    words = (
        "dead-letters replay dead-letter.sinks/0/3 --topic sinks --flow f --leg l --reason r "
        "--source-topic s --partition 1 --key k --trace t --event e --unreadable "
        "--since 2026-01-01T00:00 --until 2026-01-01T01:00+01:00"
    )
    found = filter_of(cli.parser().parse_args(words.split()))
    at_ms = 1_767_225_600_000
    assert found == Filter(
        letters=frozenset({LetterId("dead-letter.sinks", 0, 3)}),
        dead_letter_topics=("dead-letter.sinks",),
        flow="f",
        leg="l",
        reason="r",
        topic="s",
        partition=1,
        key=b"k",
        trace_id="t",
        event_id="e",
        unreadable=True,
        since_ms=at_ms,
        until_ms=at_ms,
    )


@pytest.mark.parametrize(
    "words",
    ["list --since yesterday", "list --limit 0", "show", "show 7", "list --topic braze", "mend x"],
)
def test_a_wrong_call_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parser().parse_args(["dead-letters", *words.split()])
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


# ---- parts -------------------------------------------------------------------------------------------------------
def test_parts_are_put_together_though_others_stand_between_them() -> None:
    large = bytes(range(256)) * (VALUE_BYTES_MAX // 100)
    one = dead_letter(DEAD_LETTER_STREAMS, WHY, key=b"a", value=large)
    two = dead_letter(DEAD_LETTER_STREAMS, WHY, key=b"b", value=large[::-1])
    mixed = [part for pair in zip(one, two, strict=True) for part in pair]
    assembly = Assembly()
    found = [assembly.add(message(part, n)) for n, part in enumerate(mixed)]
    whole = [letter for letter in found if letter is not None]
    assert [(str(w.id), w.key, w.value) for w in whole] == [
        ("dead-letter.streams/0/0", b"a", large),
        ("dead-letter.streams/0/1", b"b", large[::-1]),
    ]
    assert list(assembly.unfinished()) == []


def test_a_letter_whose_end_is_missing_says_how_many_parts() -> None:
    parts = dead_letter(DEAD_LETTER_STREAMS, WHY, key=b"a", value=bytes(3 * VALUE_BYTES_MAX))
    assembly = Assembly()
    assert assembly.add(message(parts[0], 0)) is None
    [found] = assembly.unfinished()
    assert (str(found.id), found.parts_missing) == ("dead-letter.streams/0/0", 2)


def test_a_part_whose_beginning_is_gone_is_no_letter() -> None:
    parts = dead_letter(DEAD_LETTER_STREAMS, WHY, key=b"a", value=bytes(2 * VALUE_BYTES_MAX))
    assembly = Assembly()
    assert assembly.add(message(parts[1], 9)) is None
    assert list(assembly.unfinished()) == []


def test_unfinished_letters_are_held_in_bounded_number_and_none_is_forgotten() -> None:
    assembly = Assembly()
    count = UNFINISHED_MAX + 5
    for n in range(count):
        parts = dead_letter(
            DEAD_LETTER_STREAMS, WHY, key=str(n).encode(), value=bytes(VALUE_BYTES_MAX + 1)
        )
        assert assembly.add(message(parts[0], n)) is None
    assert len(assembly._open) == UNFINISHED_MAX
    assert sorted(one.id.offset for one in assembly.unfinished()) == list(range(count))


# ---- marks -------------------------------------------------------------------------------------------------------
def test_a_mark_stands_until_its_letter_is_gone() -> None:
    marks = Marks()
    marks.over(Span("dead-letter.streams", 0, 10, 20))
    marks.put(LetterId("dead-letter.streams", 0, 12), "replayed")
    marks.put(LetterId("dead-letter.streams", 0, 19), "discarded")
    marks.put(LetterId("dead-letter.streams", 0, 9), "replayed")
    marks.put(LetterId("dead-letter.none", 0, 9), "replayed")
    states = [marks.state(LetterId("dead-letter.streams", 0, n)) for n in (11, 12, 19, 20)]
    assert states == ["open", "replayed", "discarded", "open"]
    assert marks.forgotten == ["dead-letter.streams/0/9"]
    assert marks.state(LetterId("dead-letter.none", 0, 9)) == "open"


def test_letters_of_no_flow_have_one_name_in_metrics_lists_and_filters() -> None:
    one = letter(Why("unknown schema id", "", stage="VALUE_CONVERTER"))
    assert one.row("open")["flow"] == NO_FLOW
    assert f" {NO_FLOW} " in line(one, "open")
    wanted = cli.parser().parse_args(["dead-letters", "list", "--flow", NO_FLOW])
    assert filter_of(wanted).matches(one)
    assert not filter_of(wanted).matches(ONE)
