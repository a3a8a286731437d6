"""What a dead letter that comes back says of itself in headers."""

import pytest

from gridwire.replays import ATTEMPT, REPLAY_OF, REPLAY_TIMER, LetterId, Replay, Timer, replay_in


def test_a_letter_id_is_its_topic_partition_and_offset() -> None:
    place = LetterId("dead-letter.streams", 0, 41)
    assert str(place) == "dead-letter.streams/0/41"
    assert LetterId.parse(str(place)) == place


@pytest.mark.parametrize("text", ["", "dead-letter.streams", "t/0", "t/a/1", "t/1/-1", "/0/1"])
def test_what_is_no_letter_id_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="<topic>/<partition>/<offset>"):
        LetterId.parse(text)


@pytest.mark.parametrize(
    "replay",
    [
        Replay("dead-letter.streams/0/1"),
        Replay("dead-letter.streams/0/1", "a.flow/leg", "streams", 3),
        Replay("dead-letter.streams/0/1", "a.flow/leg", timer=Timer("close/17", 1_767_225_600_000)),
    ],
)
def test_headers_say_all_of_it(replay: Replay) -> None:
    assert replay_in([("foreign", b"\xff"), *replay.headers()]) == replay
    assert replay_in(dict(replay.headers())) == replay


def test_other_messages_are_no_replays() -> None:
    assert replay_in(None) is None
    assert replay_in([]) is None
    assert replay_in([("traceparent", b"00"), (ATTEMPT, b"2")]) is None


def test_strange_headers_of_others_do_no_harm() -> None:
    found = replay_in([(REPLAY_OF, b"\xff"), (ATTEMPT, b"many"), (REPLAY_TIMER, b"soon/x")])
    assert found == Replay("\N{REPLACEMENT CHARACTER}")
