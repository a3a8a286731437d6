"""Dead letters of the stream engine as messages."""

from gridwire import dead_letters
from gridwire.headers import headers_of
from gridwire.replays import Replay, replay_in
from gridwire.topics import DEAD_LETTER_STREAMS
from streams.engine.message import Headers
from streams.engine.outbox import Dead
from streams.runtime.writer import Single

ABORTED = "AbortedError"


def letters_of(dead: Dead, group: str) -> list[Single]:
    """The dead letter, in parts where it is large. `group`: the worker group that gives the record up."""
    message = dead.message
    headers = headers_of(message)
    origin = dead_letters.Origin(
        message.topic(), message.partition(), message.offset(), tuple(headers)
    )
    found = dead_letters.dead_letter(
        DEAD_LETTER_STREAMS,
        _why(dead, headers, group),
        key=message.key(),
        value=message.value(),
        origin=origin,
    )
    return [Single(one.topic, one.key, one.value, list(one.headers)) for one in found]


def _why(dead: Dead, headers: Headers, group: str) -> dead_letters.Why:
    before = replay_in(headers)
    again = before or Replay(
        ""
    )  # a round that could not be written names no leg: the letter's stays its own
    return dead_letters.Why(
        dead.reason,
        f"{dead.flow}/{dead.leg}" if dead.flow else again.leg,
        attempt=1 + (before.attempt if before else 0),
        trace_id=dead.trace_id,
        error_class=dead.error,
        stage=_stage(dead),
        group=group,
        replay_of=again.letter,
        timer=dead.timer or again.timer,
    )


def _stage(dead: Dead) -> dead_letters.Stage:
    if dead.flow:
        return "TRANSFORMATION"
    return "KAFKA_PRODUCE" if dead.error == ABORTED else "VALUE_CONVERTER"
