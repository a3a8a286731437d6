"""Which letters were replayed or discarded. One byte per letter: as many as there are offsets in its topic."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from confluent_kafka import Consumer

from gridwire import kafka
from gridwire.codec import Codec
from gridwire.commands.letters.letter import STATES, TOPICS, State
from gridwire.commands.letters.reading import Span, messages, spans
from gridwire.records import DeadLetterMark
from gridwire.replays import LetterId
from gridwire.settings import KafkaSettings
from gridwire.topics import DEAD_LETTER_MARKS

FORGOTTEN_MAX = 10_000  # marks of letters that are gone, deleted by one command


@dataclass(slots=True)
class Marks:
    """States by letter. `forgotten`: marks whose letters have been deleted by their topic's retention."""

    spans: dict[tuple[str, int], Span] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    _states: dict[tuple[str, int], bytearray] = field(default_factory=dict)

    def over(self, there: Span) -> None:
        """Makes room for the letters of a partition."""
        place = (there.topic, there.partition)
        self.spans[place] = there
        self._states[place] = bytearray(max(0, there.end - there.start))

    def state(self, letter: LetterId) -> State:
        place = (letter.topic, letter.partition)
        index = letter.offset - self.spans[place].start if place in self.spans else -1
        held = self._states.get(place, b"")
        return STATES[held[index]] if 0 <= index < len(held) else "open"

    def put(self, letter: LetterId, state: State) -> None:
        place = (letter.topic, letter.partition)
        if place not in self.spans:
            return
        index = letter.offset - self.spans[place].start
        if 0 <= index < len(self._states[place]):
            self._states[place][index] = STATES.index(state)
        elif index < 0 and len(self.forgotten) < FORGOTTEN_MAX:
            self.forgotten.append(str(letter))


def load(settings: KafkaSettings, codec: Codec) -> Marks:
    """All marks, read-committed. Raises ReadError, RegistryUnavailableError, KafkaException."""
    marks = Marks()
    reader = kafka.reader(settings)
    try:
        for there in spans(settings, reader, TOPICS):
            marks.over(there)
        for mark in _read(settings, reader, codec):
            if mark.state != "unknown":
                marks.put(LetterId.parse(mark.letter), mark.state)
    finally:
        reader.close()
    return marks


def _read(settings: KafkaSettings, reader: Consumer, codec: Codec) -> Iterator[DeadLetterMark]:
    decode = codec.of(DEAD_LETTER_MARKS).decode
    for span in spans(settings, reader, [DEAD_LETTER_MARKS.name]):
        for message in messages(reader, span):
            if message.value() is not None:  # a tombstone: its letter is gone
                yield decode(message.value())


def find(settings: KafkaSettings, codec: Codec, letter: LetterId) -> DeadLetterMark | None:
    """What was done with one letter. Raises as `load` does."""
    reader = kafka.reader(settings)
    try:
        found = [mark for mark in _read(settings, reader, codec) if mark.letter == str(letter)]
    finally:
        reader.close()
    return found[-1] if found else None
