"""What passes between the Kafka thread, the lanes and those who carry out records."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import Message

from connectors.kit.base.permit import Permit
from connectors.kit.lanes.effects import Effects
from connectors.kit.lanes.ends import End
from connectors.kit.lanes.progress import Progress
from connectors.kit.output.output import Output

ASIDE_MAX = 4_000  # records of a partition that may rest aside without counting as buffered


class IntentError(Exception):
    """The intent to send an unsafe operation could not be committed: it was not sent, try again later."""


@dataclass(eq=False, slots=True)
class Assigned:
    """A partition while it is ours. The Kafka thread owns `progress`; the loop owns the rest.

    `draining`: start nothing new. `lost`: send nothing at all, drop every outcome. `effects`: commands that had their
    effect; set by the Kafka thread before it takes the first record, None where nobody keeps them.
    """

    topic: str
    partition: int
    progress: Progress
    draining: bool = False
    lost: bool = False
    effects: Effects | None = None
    taken: int = 0  # counted by the Kafka thread
    settled: int = 0  # counted by the Kafka thread
    aside: int = 0  # counted by the loop

    @property
    def buffered(self) -> int:
        """Records in work. Those that rest aside do not count, up to a bound: they must not hold up others."""
        return self.taken - self.settled - min(self.aside, ASIDE_MAX)


@dataclass(eq=False, slots=True)
class Entry:
    """A record on its way. `intended`: an earlier owner was about to send it, and its outcome is not known.

    `requests` made for it; `failures` that count against it; `first_at`: monotonic seconds at which the turn of its
    first request came; `together_max`: how many may share a batch with it, after the platform refused larger ones as a
    whole. `faults` of our own while it was handled. `end`: what it came to, while that is not written: it is never sent
    again.
    """

    assigned: Assigned
    message: Message
    offset: int
    key: bytes | None
    intended: bool = False
    record: Any = None
    requests: int = 0
    failures: int = 0
    first_at: float | None = None
    together_max: int | None = None
    faults: int = 0
    end: End | None = None


def nothing() -> None:
    """No note to take."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Entries are finished: `outputs` are written and their offsets committed together.

    `committed` is called in the Kafka thread once that has happened: for metrics and spans, nothing else.
    `effects`: ids of the entries that had their effect (`effects.id_of`), for the ledger of their partition.
    """

    entries: tuple[Entry, ...]
    outputs: tuple[Output, ...] = ()
    committed: Callable[[], None] = nothing
    effects: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Try again in `delay_s`. `aside`: meanwhile the lane's other records go on."""

    delay_s: float
    aside: bool = False


Outcome = Settled | Later
Outcomes = Mapping[Entry, Outcome]


class Batch(Permit, Protocol):
    """Records that are carried out together, and whether they may be sent. More may join until `take`.

    `reading`: set before a request that changes nothing: it may be sent though some of the records are another's by
    now. A write then raises WithdrawnError: what is still ours is carried out again without the others.
    """

    reading: bool

    def look(self) -> Sequence[Entry]:
        """What would be sent if the turn came now. Raises WithdrawnError where nothing is left."""

    def take(self) -> Sequence[Entry]:
        """The turn has come: these are in flight from now on. Raises WithdrawnError where nothing is left."""

    @property
    def taken(self) -> Sequence[Entry] | None:
        """What is in flight; None before `take`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a batch: records, bytes (of `Join.size_bytes`), and how long it waits for more once it could go.

    `parallel_max`: batches under way at once.
    """

    items_max: int
    bytes_max: int | None = None
    linger_s: float = 0.0
    parallel_max: int = 1


@dataclass(frozen=True, slots=True)
class Join:
    """Carry a lane's first record out together with others of the same `queue`.

    `entries`: it, and those directly behind it that the platform applies in their order. `line`: queues of one line
    share `limits.parallel_max`. `apart`: two lanes with the same (None aside) never share a batch. `carry_out` gives
    an outcome per record.
    """

    queue: Hashable
    line: str
    entries: tuple[Entry, ...]
    carry_out: Callable[[Batch], Awaitable[Outcomes]]
    limits: Limits
    size_bytes: int = 0
    apart: Hashable = None


class Handler(Protocol):
    """Carries out records. `waiting`: the lane's records: `entry` itself, then those behind it, which may be settled
    with it.
    """

    async def handle(
        self, entry: Entry, waiting: Sequence[Entry], permit: Permit
    ) -> Settled | Later | Join: ...

    def give_up(self, entry: Entry) -> Settled | Later:
        """Settles a record that faults of our own keep from its end: asks nobody, sends nothing."""


class Feed(Protocol):
    """The Kafka side, as the lanes see it. All but `confirmed` and `settle` are called in the loop."""

    def confirmed(self) -> bool:
        """Whether our assignment was confirmed by the group's coordinator a short while ago."""

    def settle(self, settled: Settled) -> None:
        """Hands over outcomes, to be committed soon."""

    def intend(self, entry: Entry) -> "asyncio.Future[None]":
        """Resolves once the intent to send `entry` is committed; IntentError where it is not."""

    def retract(self, entry: Entry) -> None:
        """Takes an intent back: nothing was sent."""
