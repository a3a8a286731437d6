"""Dead letters: original bytes, Connect's headers, nothing out of the payload."""

import pytest
from confluent_kafka import Message

from gridwire import dead_letters as dl
from gridwire.dead_letters import Origin, Why, dead_letter, of_message
from gridwire.replays import ATTEMPT, REPLAY_OF, Replay, Timer
from gridwire.topics import DEAD_LETTER_SINKS, DEAD_LETTER_SOURCES, DEAD_LETTER_STREAMS

WHY = Why("refused", "braze.case-notification", detail="refused: status 400", attempt=3)


def test_a_consumed_message_keeps_key_value_and_headers_and_gains_connects() -> None:
    message = Message(
        topic="command.braze",
        partition=2,
        offset=41,
        key=b"k",
        value=b"\x00v",
        headers=[("trace", b"t"), ("gridwire.reason", b"an earlier one")],
    )
    (letter,) = of_message(DEAD_LETTER_SINKS, WHY, message)
    assert (letter.topic, letter.key, letter.value) == ("dead-letter.sinks", b"k", b"\x00v")
    headers = dict(letter.headers)
    assert len(headers) == len(letter.headers)
    assert headers["trace"] == b"t"
    assert headers[dl.TOPIC] == b"command.braze"
    assert (headers[dl.PARTITION], headers[dl.OFFSET]) == (b"2", b"41")
    assert headers[dl.REASON] == b"refused"
    assert headers[dl.EXCEPTION_MESSAGE] == b"refused: status 400"
    assert (headers[dl.FLOW], headers[ATTEMPT]) == (b"braze.case-notification", b"3")
    assert int(headers[dl.FAILED_AT] or b"0") > 0


def test_connects_names_say_where_it_stood_who_gave_it_up_and_at_what() -> None:
    why = Why(
        "flow raised",
        "a.flow/leg",
        error_class="builtins.KeyError",
        stage="TRANSFORMATION",
        attempt=1,
    )
    origin = Origin("source.braze.engagement", 3, 41)
    (letter,) = dead_letter(DEAD_LETTER_STREAMS, why, key=b"k", value=b"v", origin=origin)
    found = {name: value for name, value in letter.headers if name.startswith("__connect.errors.")}
    assert found == {
        "__connect.errors.topic": b"source.braze.engagement",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.connector.name": b"a.flow/leg",
        "__connect.errors.task.id": b"3",
        "__connect.errors.stage": b"TRANSFORMATION",
        "__connect.errors.exception.class.name": b"builtins.KeyError",
        "__connect.errors.exception.message": b"flow raised",
    }


def test_what_is_known_of_group_timer_and_the_letter_before_is_said() -> None:
    why = Why(
        "r", "f", group="fast", timer=Timer("close/17", 5), replay_of="dead-letter.streams/0/1"
    )
    (letter,) = dead_letter(DEAD_LETTER_STREAMS, why, key=None, value=b"v")
    headers = dict(letter.headers)
    assert (headers[dl.GROUP], headers[dl.TIMER]) == (b"fast", b"5/close/17")
    assert headers[REPLAY_OF] == b"dead-letter.streams/0/1"


def test_a_command_that_was_a_letter_before_says_which_and_carries_no_older_orders() -> None:
    again = dict(Replay("dead-letter.sinks/0/9", "a.flow/leg", "fast", 2).headers())
    message = Message(
        topic="command.braze", partition=0, offset=1, value=b"v", headers=list(again.items())
    )
    (letter,) = of_message(DEAD_LETTER_SINKS, WHY, message)
    headers = dict(letter.headers)
    assert len(headers) == len(letter.headers)
    assert headers[REPLAY_OF] == b"dead-letter.sinks/0/9"
    assert headers[ATTEMPT] == b"3"
    assert not any(name.startswith("gridwire.replay-") for name in headers if name != REPLAY_OF)


def test_an_exception_gives_its_class_and_never_its_text() -> None:
    why = Why("not readable", "f", error=ValueError("alice@example.com"))
    (letter,) = dead_letter(DEAD_LETTER_SINKS, why, key=None, value=b"v")
    headers = dict(letter.headers)
    assert headers[dl.EXCEPTION_CLASS] == b"builtins.ValueError"
    assert b"alice" not in b"".join(value or b"" for value in headers.values())
    assert dl.TOPIC not in headers


@pytest.mark.parametrize("size", [0, 1, dl.VALUE_BYTES_MAX, dl.VALUE_BYTES_MAX + 1, 4_000_000])
def test_bytes_of_any_size_are_kept_in_parts_that_fit(size: int) -> None:
    raw = bytes(size)
    letters = dead_letter(DEAD_LETTER_SOURCES, WHY, key=b"digest", value=raw)
    assert b"".join(letter.value or b"" for letter in letters) == raw
    assert {letter.key for letter in letters} == {b"digest"}
    assert all(len(letter.value or b"") <= dl.VALUE_BYTES_MAX for letter in letters)
    parts = [dict(letter.headers).get(dl.PART) for letter in letters]
    total = len(letters)
    numbered = [f"{number}/{total}".encode() for number in range(1, total + 1)]
    assert parts == (numbered if total > 1 else [None])


def test_endless_headers_and_keys_are_cut() -> None:
    origin = Origin(headers=tuple((f"h{n}", b"x" * 5_000) for n in range(100)))
    why = Why("r" * 5_000, "f" * 5_000, detail="d" * 5_000)
    (letter,) = dead_letter(DEAD_LETTER_SINKS, why, key=b"k" * 50_000, value=b"", origin=origin)
    size = sum(len(name) + len(value or b"") for name, value in letter.headers)
    assert size + len(letter.key or b"") < dl.ENVELOPE_BYTES + dl.KEY_BYTES_MAX
