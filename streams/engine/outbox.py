"""What a task hands over: messages to write, dead letters, counts."""

from dataclasses import dataclass, field

from gridwire.replays import Timer
from streams.engine.counts import Counts
from streams.engine.message import Message
from streams.engine.settle import Out, OutBatch, OutputError


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that a leg (or the codec: leg is empty) could not process; or a timer of a leg, and then its state."""

    message: Message
    flow: str
    leg: str
    reason: str
    error: str  # class name of the exception; never its text, which may hold personal data
    trace_id: str = ""
    timer: Timer | None = None


@dataclass(frozen=True, slots=True)
class Fire:
    """A timer that fired: no record, but the cause of some. `event_id` is what they name, `causation_id` who set it."""

    label: str
    event_id: str
    trace_id: str
    causation_id: str | None


@dataclass(slots=True)
class Outbox:
    """What a round wants written. `fires`: only where traces are on."""

    outs: list[Out | OutBatch] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    fires: list[Fire] = field(default_factory=list)


class ExpiredError(OutputError):
    """A record waited longer than its bound for a row."""

    def __init__(self, table: str) -> None:
        super().__init__(f"no row of {table or 'a table'} in time")
