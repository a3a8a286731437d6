"""Dead letters that come back: for the leg and worker group that gave them up alone, each once.

Their events were remembered as seen when they died, so they pass the check of redeliveries and are told apart by the
letter that they were. Which came back is state like the ids of events: durable, bounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from gridwire.codec import Codec, CodecError
from gridwire.headers import bare, headers_of
from gridwire.replays import Replay, replay_in
from gridwire.topics import Topic
from streams.engine.incoming import Incoming
from streams.engine.message import LocalMessage, Message
from streams.engine.outbox import Dead
from streams.engine.plan import BoundLeg, Entry, Plan
from streams.engine.runner import Runner
from streams.engine.seen import Seen
from streams.engine.store import Held, Store, UnreadableStateError
from streams.flow import Fired

REPLAYED = (
    "replayed"  # among the stores of seen ids, which have the names of topics: none is called so
)
REPLAYED_IDS_MAX = 100_000  # per partition


def runs(messages: Sequence[Message]) -> Iterator[tuple[Replay | None, Sequence[Message]]]:
    """A batch in order, cut where letters come back; each of these stands alone. Mostly it is one run."""
    if messages and bare(messages):
        yield None, messages
        return
    start = 0
    for index, message in enumerate(messages):
        headers = headers_of(message)
        replay = replay_in(headers) if headers else None
        if replay is None:
            continue
        if index > start:
            yield None, messages[start:index]
        yield replay, messages[index : index + 1]
        start = index + 1
    if start < len(messages):
        yield None, messages[start:] if start else messages


class Replays:
    """The letters that came back to one partition (`seen`). `group`: the worker group that this is."""

    def __init__(self, plan: Plan, codec: Codec, runner: Runner, store: Store, group: str) -> None:
        self._plan = plan
        self._codec = codec
        self._runner = runner
        self._group = group
        self.seen = Seen(REPLAYED, store, REPLAYED_IDS_MAX)

    def entries(self, topic: Topic[Any], message: Message, replay: Replay) -> Sequence[Entry]:
        """The legs that are to take this message; none where it is another group's, or came back before.

        A leg that is no longer run here costs another dead letter, not the record.
        """
        counts = self._runner.outbox.counts
        if replay.group not in ("", self._group):
            counts.add("", topic.name, "replay", "of another group")
            return ()
        reading = self._plan.by_topic[topic.name]
        named = [entry for entry in reading if replay.leg in ("", entry.bound.label)]
        if not named and not replay.group:
            counts.add("", topic.name, "replay", "of another group")
            return ()
        if not self.seen.first_time(replay.letter):
            counts.add("", topic.name, "replay", "repeated")
            return ()
        counts.add("", topic.name, "replay", "taken")
        if not named:
            self._gone(message, replay)
        return named

    def _gone(self, message: Message, replay: Replay) -> None:
        flow, _, leg = replay.leg.rpartition("/")
        outbox = self._runner.outbox
        outbox.dead.append(
            Dead(message, flow, leg, "its leg is gone", "KeyError", timer=replay.timer)
        )

    def read(self, topic: Topic[Any], message: Message, bound: BoundLeg) -> Incoming | None:
        """The record of one leg, whatever is remembered of its event; None where it cannot be read (and is dead)."""
        codec, runner = self._codec.of(topic), self._runner
        try:
            record = codec.decode(message.value())
        except CodecError as error:
            runner.count(bound, "in")
            runner.count(bound, "dead", error.reason)
            runner.outbox.dead.append(
                Dead(message, bound.flow, bound.leg.name, error.reason, type(error).__name__)
            )
            return None
        return Incoming(codec, [message], None, [(message, record)])

    def _held(self, bound: BoundLeg, key: str) -> Held[Any] | None:
        states = self._runner.state.folds.get(bound.label)
        return states.get(key) if states is not None else None

    def fire(self, bound: BoundLeg, message: Message, replay: Replay, now_ms: int) -> None:
        """The timer of a letter once more, on the state as it is now."""
        timer, key = replay.timer, (message.key() or b"").decode(errors="replace")
        try:
            held = self._held(bound, key)
        except UnreadableStateError as error:
            self._runner.count(bound, "dead timer", error.reason)
            self._runner.outbox.dead.append(_unread(bound, message, replay, error))
            return
        if timer is None or held is None:
            self._runner.count(bound, "timer filtered", "its state is gone")
            return
        if timer.name in held.timers:
            self._runner.count(bound, "timer filtered", "set anew meanwhile")
            return
        dead = self._runner.outbox.dead
        before = len(dead)
        fired = Fired(timer.name, key, timer.due_ms, now_ms, held.state)
        self._runner.fire(bound, fired, held)
        dead[before:] = [replace(one, message=_as_replayed(one, message)) for one in dead[before:]]


def _unread(bound: BoundLeg, message: Message, replay: Replay, error: CodecError) -> Dead:
    why = type(error).__name__
    return Dead(message, bound.flow, bound.leg.name, error.reason, why, timer=replay.timer)


def _as_replayed(dead: Dead, message: Message) -> LocalMessage:
    """The message of a timer that failed again, with what it says of the letter that it was."""
    old = dead.message
    place = (old.topic() or "", old.partition() or 0, -1)
    return LocalMessage(*place, old.key(), old.value(), headers_of(message))
