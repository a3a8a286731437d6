"""Where a letter goes back to, and why some go nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwire import dead_letters
from gridwire.commands.letters.letter import Letter
from gridwire.kafka import MESSAGE_BYTES_MAX
from gridwire.replays import LetterId, Replay
from gridwire.topics import BY_NAME, DEAD_LETTER_STREAMS, Topic
from streams.flow import Flow, Fold, Leg
from streams.topology import reads_of

RECORD_BYTES_MAX = MESSAGE_BYTES_MAX + dead_letters.ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class Target:
    """A message to write: the original bytes and key, in the original partition, with what the reader must know."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes, as far as a bound on messages is concerned."""
        named = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + named


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a letter is not written back, and what to do instead."""

    why: str


def legs_of(flows: Sequence[Flow[Any]]) -> Mapping[str, Leg]:
    """Every leg of this version by its label, flow id/leg."""
    return {f"{flow.id}/{leg.name}": leg for flow in flows for leg in flow.default_legs()}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What goes back all the same: commands that the platform may have carried out; commands that newer ones have
    overtaken.
    """

    even_if_sent: bool = False
    even_if_overtaken: bool = False


class Targets:
    """Finds targets. `partitions`: topic → number. `groups`: worker groups that Kafka knows (None: it does not say).
    `overtaken`: commands behind which newer ones stand that wrote the same object.
    """

    def __init__(
        self,
        legs: Mapping[str, Leg],
        partitions: Mapping[str, int],
        *,
        groups: frozenset[str] | None = None,
        overtaken: frozenset[LetterId] = frozenset(),
        allowed: Allowed = Allowed(),
    ) -> None:
        self._legs = legs
        self._partitions = partitions
        self._groups = groups
        self._overtaken = overtaken
        self._allowed = allowed

    def of(self, letter: Letter) -> Target | Refusal:
        """Where this letter goes."""
        if letter.parts_missing:
            return Refusal(
                f"{letter.parts_missing} of its parts are gone or not written yet: try again in a moment, "
                "or discard it"
            )
        if len(letter.key or b"") >= dead_letters.KEY_BYTES_MAX:
            return Refusal("its key was cut, so its place is not known any more: discard it")
        if letter.id.topic != DEAD_LETTER_STREAMS.name:
            return self._of_connector(letter)
        group = letter.text(dead_letters.GROUP)
        if group and self._groups is not None and group not in self._groups:
            return Refusal(
                f"Kafka knows no worker group {group}, so nobody would take it: start that group, or discard it"
            )
        if letter.timer is not None:
            return self._of_timer(letter)
        return self._of_stream(letter)

    def _of_connector(self, letter: Letter) -> Target | Refusal:
        topic = BY_NAME.get(letter.topic)
        if topic is None:
            return Refusal(
                "it is what a platform sent, not a message of a topic: mend the cause, have the platform send it "
                "again (or `show --raw` it and do by hand what it says), then discard it"
            )
        if letter.reason in dead_letters.PERHAPS_DONE and not self._allowed.even_if_sent:
            return Refusal(
                "the platform may have carried it out: look there; then discard it, or replay it with --even-if-sent"
            )
        if letter.id in self._overtaken and not self._allowed.even_if_overtaken:
            return Refusal(
                "a newer command wrote the same object, and would be undone: replay it with --even-if-overtaken "
                "where the older values are wanted, else discard it"
            )
        return self._checked(letter, topic, Replay(str(letter.id), attempt=max(1, letter.attempt)))

    def _of_stream(self, letter: Letter) -> Target | Refusal:
        topic = BY_NAME.get(letter.topic)
        if topic is None:
            return Refusal(
                f"its topic {letter.topic or '(none)'} is not one of this version: discard it"
            )
        if letter.label and topic not in self._reads(letter.label):
            return Refusal(
                f"no leg {letter.label} reads {topic.name} in this version: replay it with the version that has it, "
                "or discard it"
            )
        return self._checked(letter, topic, self._replay(letter))

    def _of_timer(self, letter: Letter) -> Target | Refusal:
        """A timer comes with no record of its own: any topic that its leg reads brings it to its partition."""
        leg = self._legs.get(letter.label)
        carriers = [topic for topic in self._reads(letter.label) if not topic.compacted]
        if not isinstance(leg, Fold) or leg.on_timer is None or not carriers:
            return Refusal(f"{letter.label} has no timers in this version: discard it")
        return self._checked(letter, carriers[0], self._replay(letter), with_value=False)

    def _reads(self, label: str) -> tuple[Topic[Any], ...]:
        leg = self._legs.get(label)
        return reads_of(leg) if leg else ()

    @staticmethod
    def _replay(letter: Letter) -> Replay:
        group = letter.text(dead_letters.GROUP)
        attempt = max(1, letter.attempt)
        return Replay(str(letter.id), letter.label, group, attempt, letter.timer)

    def _checked(
        self, letter: Letter, topic: Topic[Any], replay: Replay, *, with_value: bool = True
    ) -> Target | Refusal:
        partition = letter.partition
        if topic.compacted:
            return Refusal(
                f"{topic.name} is compacted: the letter would take the place of the newest record of its key; "
                "discard it"
            )
        if partition is None or not 0 <= partition < self._partitions.get(topic.name, 0):
            return Refusal(
                f"{topic.name} has no partition {partition} here: create the topic as it was, or discard the letter"
            )
        kept = [pair for pair in letter.headers if not pair[0].startswith(dead_letters.OURS)]
        value = letter.value if with_value else None
        target = Target(topic.name, partition, letter.key, value, [*kept, *replay.headers()])
        if target.size > RECORD_BYTES_MAX:
            return Refusal(
                f"with its headers it is larger than {RECORD_BYTES_MAX} bytes: discard it"
            )
        return target
