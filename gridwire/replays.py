"""Dead letters that are written back: which letter it was, and for whom. In headers of the message.

Whoever reads the topic asks `replay_in`: the leg and worker group that are named take the message, once; all others
leave it alone. A sink takes it as the command that it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

REPLAY_OF = "gridwire.replay-of"
REPLAY_LEG = "gridwire.replay-leg"
REPLAY_GROUP = "gridwire.replay-group"
REPLAY_TIMER = "gridwire.replay-timer"
ATTEMPT = "gridwire.attempt"

Pairs = Iterable[tuple[str, str | bytes | None]] | Mapping[str, str | bytes | None]


@dataclass(frozen=True, slots=True, order=True)
class LetterId:
    """Where a dead letter stands: never changes, never given again. A letter in parts is named by its first."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "LetterId":
        """The other way round. Raises ValueError that names the form."""
        topic, _, rest = text.partition("/")
        partition, _, offset = rest.partition("/")
        if not topic or not partition.isdecimal() or not offset.isdecimal():
            raise ValueError(
                f"{text!r} is no letter id: write <topic>/<partition>/<offset>, as `list` does"
            )
        return cls(topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class Timer:
    """A durable timer of a leg; `due_ms` in epoch milliseconds."""

    name: str
    due_ms: int

    def __str__(self) -> str:
        return f"{self.due_ms}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Timer | None":
        due, slash, name = text.partition("/")
        return cls(name, int(due)) if slash and due.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Replay:
    """What a message says about the letter that it was.

    `leg`: flow id/leg, or empty for every leg that reads the topic. `group`: the worker group, or empty for any.
    `attempt`: how often the record was tried before. `timer`: what is to fire again; the message has no record then.
    """

    letter: str
    leg: str = ""
    group: str = ""
    attempt: int = 1
    timer: Timer | None = None

    def headers(self) -> list[tuple[str, bytes | None]]:
        """The headers of the message that brings it back."""
        texts = [(REPLAY_OF, self.letter), (ATTEMPT, str(self.attempt))]
        texts += [(REPLAY_LEG, self.leg)] if self.leg else []
        texts += [(REPLAY_GROUP, self.group)] if self.group else []
        texts += [(REPLAY_TIMER, str(self.timer))] if self.timer else []
        return [(name, text.encode()) for name, text in texts]


def replay_in(headers: Pairs | None) -> Replay | None:
    """The replay that a message's headers tell of; None for every other message."""
    if not headers:
        return None
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = {name: _text(value) for name, value in pairs if name.startswith("gridwire.")}
    letter = found.get(REPLAY_OF)
    if not letter:
        return None
    attempt = found.get(ATTEMPT, "")
    return Replay(
        letter,
        found.get(REPLAY_LEG, ""),
        found.get(REPLAY_GROUP, ""),
        int(attempt) if attempt.isdecimal() else 1,
        Timer.parse(found.get(REPLAY_TIMER, "")),
    )


def _text(value: str | bytes | None) -> str:
    """Header values are bytes; whoever else writes such a header may write anything."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
