"""What a connector is: data and pure functions. The kit does all I/O.

Anything that talks to a platform is a generator that yields `Request`s, receives `Response`s and returns what it
found (sans-IO): a unit test drives it by hand. Before a response reaches the generator the kit classifies it with
the connector's verdict function; only successes and the statuses named in `Request.expect` get through. Everything
else ends the generator, and the verdict decides what happens to the record: again later, dead letter, or stop.
"""

import math
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from connectors.kit.exchange import PAUSED as PAUSED  # noqa: PLC0414 - part of the vocabulary
from connectors.kit.exchange import Download as Download  # noqa: PLC0414 - part of the vocabulary
from connectors.kit.exchange import Pause as Pause  # noqa: PLC0414 - part of the vocabulary
from connectors.kit.exchange import Request as Request  # noqa: PLC0414 - part of the vocabulary
from connectors.kit.exchange import Response as Response  # noqa: PLC0414 - part of the vocabulary
from connectors.kit.links import Links
from gridwire.records import Notice, Record
from gridwire.topics import Topic

T = TypeVar("T")
BULK_ITEMS_MAX = 2_000  # as many as a feed's buffer holds
ADVICE_S_MAX = 3_600.0  # longer advice is taken as this: a clock of theirs may be wrong


def advised_s(after_s: float | None) -> float | None:
    """A platform's advice, seconds, within 0 to ADVICE_S_MAX. None: there is none, or it is no number."""
    if after_s is None or math.isnan(after_s):
        return None
    return min(max(0.0, after_s), ADVICE_S_MAX)


# ---- verdicts ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform has it. `object_id`: the platform's id of what was written."""

    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Transient:
    """Try the same record again; `after_s` is the platform's own advice, kept within the bounds of `advised_s`.

    `throttled`: the platform said "slower", not "broken". `early`: the platform is well, only this record must wait
    for another (its thread is not open yet): a bounded number of attempts, then rejected; never opens a breaker.
    Set by the kit alone: `outcome_unknown` where a request may have had its effect and no answer came, or none that was
    understood; `fault` where code of ours failed, so that it counts whatever state the platform is in.
    """

    reason: str
    after_s: float | None = None
    throttled: bool = False
    early: bool = False
    outcome_unknown: bool = False
    fault: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "after_s", advised_s(self.after_s))


@dataclass(frozen=True, slots=True)
class Rejected:
    """The platform will never take this record: dead letter. `reason` holds no personal data."""

    reason: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Our credentials, permissions or set-up are wrong: stop this connector, alert, dead-letter nothing."""

    reason: str


Verdict = Delivered | Transient | Rejected | Misconfigured


class OperationError(Exception):
    """Raised inside an operation to end it with a verdict of its own."""

    def __init__(self, verdict: Transient | Rejected | Misconfigured) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


# ---- sink --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Done:
    """An operation succeeded. `records`: what it learnt, to be published together with the receipt."""

    object_id: str | None = None
    records: tuple[tuple[Topic[Any], Record], ...] = ()


Steps = Generator[Request, Response, Done]
Written = frozenset[tuple[Hashable, ...]]
Safety = Literal["natural", "keyed", "lookup", "unsafe"]


@dataclass(frozen=True, slots=True)
class Item:
    """One command of a batch; `body`: its operation's field."""

    command: Any
    body: Any


def writes_over_nothing(_body: Any) -> Written:
    """What is sent or made anew each time, or only read: done late, it undoes nothing."""
    return frozenset()


ItemResult = Done | Transient | Rejected | Misconfigured
BulkSteps = Generator[Request | Pause | Download, Response, Sequence[ItemResult]]


def one_group(_command: Any, _body: Any) -> Hashable:
    """All commands of the operation may share a batch."""
    return ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """How queued commands of one operation are sent together. Only where repeating them is harmless.

    `steps(items)` yields requests and returns one result per item, in their order. It may be asked more than once
    before anything is sent, with more items each time. A refusal of a request as a whole (a verdict `Rejected`, or
    OperationError) is narrowed down: the batch is halved until the item at fault is alone, and refused, or not, by
    the operation's own `steps`.

    `group(command, body)`: commands of different groups never share a batch. `apart(command, body)`: neither do two
    with the same value (None aside): what both write, where the platform leaves open which one wins.
    `in_order`: items are applied in their order, so a lane's next commands may go along with its first.
    `bytes_max` bounds the JSON of the bodies; `linger_s`: how long a batch waits for more though it could be sent.
    `parallel_max`: batches under way at once, of this operation, or of all with the same `line`.
    """

    steps: Callable[[Sequence[Item]], BulkSteps]
    items_max: int
    group: Callable[[Any, Any], Hashable] = one_group
    apart: Callable[[Any, Any], Hashable] | None = None
    in_order: bool = False
    bytes_max: int | None = None
    linger_s: float = 0.0
    parallel_max: int = 4
    line: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.items_max <= BULK_ITEMS_MAX:
            raise ValueError(f"items_max must be 1 to {BULK_ITEMS_MAX}")
        least = min(self.parallel_max, 1 if self.bytes_max is None else self.bytes_max)
        if least < 1 or self.linger_s < 0:
            raise ValueError("parallel_max and bytes_max must be 1 or more, linger_s not below 0")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a command record. `steps(command, body)`: body is the operation's field of the command.

    `safety`: how it is made safe to repeat. natural: the write replaces; keyed: the platform deduplicates by our
    key; lookup: it looks before it writes; unsafe: the kit commits an intent before sending. Where it depends on the
    body (one endpoint deduplicates, the other does not), `safety` is a function of the body: ask `safety_of`.
    `bulk`: how several are sent together; a body whose safety is unsafe goes alone. ValueError where all would be.
    `writes(body)`: the values that the body writes over, each by its place in the platform, as ("insight", its key).
    Where a later command wrote one of them, `gridwire dead-letters replay` does not put the older value over it unless
    told so. `writes_over_nothing` where nothing is undone; None, not said, is for tests alone.
    """

    name: str
    safety: Safety | Callable[[Any], Safety]
    steps: Callable[[Any, Any], Generator[Request | Pause | Download, Response, Done]]
    bulk: Bulk | None = None
    writes: Callable[[Any], Written] | None = None

    def __post_init__(self) -> None:
        if self.bulk is not None and self.safety == "unsafe":
            raise ValueError(
                f"{self.name}: an unsafe operation cannot be sent in bulk, a batch may be repeated"
            )

    def safety_of(self, body: Any) -> Safety:
        """How this very operation is made safe to repeat."""
        return self.safety(body) if callable(self.safety) else self.safety


@dataclass(frozen=True, slots=True)
class RateAdvice:
    """What an answer's headers say about the budget. `remaining` calls until `reset_s` from now."""

    limit: int | None
    remaining: int | None
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class Probe:
    """How `gridwire check --live` finds out whether a permission is there, without changing anything.

    `request`: a read, or a write of nothing (an empty list): `expect` then names the refusals of the emptiness, which
    show the permission as well as a success does. None: only the token's `scope` counts. `fix`: what to do where it is
    refused. `optional`: what it is for is not used everywhere.
    """

    name: str
    fix: str
    request: Request | None = None
    scope: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls per second of one budget: `start_per_s` to begin with, never more than `most_per_s`, whatever headers say.

    Ten calls a minute that no header tells of: `Pace(10 / 60, 10 / 60)`.
    """

    start_per_s: float
    most_per_s: float = math.inf


def one_budget(_request: Request) -> str:
    """All calls draw on the same budget."""
    return ""


@dataclass(frozen=True, slots=True)
class Platform:
    """How to talk to a platform: shared by its sink, its fetches and its polls.

    `auth`: a kit auth value. `verdict(request, response)` classifies every answer; see `kit.verdicts` for tables.
    `rate(response, now_s)` reads the budget from headers. `requests_per_s`: what to start with.
    `budget(request)` names the budget that a request draws on, from a small fixed set: a platform with limits per
    endpoint answers with figures of that endpoint, and a 429 of one says nothing about the others.
    `paces`: budgets that start at a pace of their own, or have a ceiling. `concurrency`: calls under way at once, per
    process. `replicas_max`: the limits are the whole account's, so by default no more processes than this run its sink;
    None: as many as there are partitions.
    `probes`: what `gridwire check --live` asks. `links`: which links of its own it is asked to download; None: none.
    """

    name: str
    base_url: str
    auth: Any
    verdict: Callable[[Request, Response], Verdict]
    rate: Callable[[Response, float], RateAdvice | None]
    requests_per_s: float
    concurrency: int = 8
    headers: Mapping[str, str] = field(default_factory=dict)
    budget: Callable[[Request], str] = one_budget
    paces: Mapping[str, Pace] = field(default_factory=dict)
    replicas_max: int | None = None
    probes: tuple[Probe, ...] = ()
    links: Links | None = None


@dataclass(frozen=True, slots=True)
class Sink:
    """Carries out the commands of one platform.

    Raises ValueError where bulk operations of one `line` disagree about its `parallel_max`.
    """

    platform: Platform
    commands: Topic[Any]
    receipts: Topic[Any]
    operations: Mapping[str, Operation]

    def __post_init__(self) -> None:
        lines: dict[str, tuple[str, int]] = {}
        for operation in self.operations.values():
            bulk = operation.bulk
            if bulk is None:
                continue
            line = bulk.line or operation.name
            first, parallel_max = lines.setdefault(line, (operation.name, bulk.parallel_max))
            if bulk.parallel_max != parallel_max:
                raise ValueError(
                    f"{first} and {operation.name} share the line {line!r} but not their parallel_max "
                    f"({parallel_max} and {bulk.parallel_max}): it is one number for all of a line"
                )


# ---- source ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook delivery. `received_ms`: epoch milliseconds. Header names are lower-case."""

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Any  # decoded JSON, or the form as a dict
    raw: bytes
    received_ms: int


class MalformedError(Exception):
    """An authenticated sender sent what we cannot read; the reason names the place, never the value.

    Raised by `Route.read` (the whole delivery is refused), by a fetch (its notice is dead-lettered) and by a poll step
    (the page as a whole is not what the platform promises; single broken objects go to `Page.broken`).
    """


@dataclass(frozen=True, slots=True)
class Intake:
    """What a delivery becomes: records for their topics; `unknown` counts event types we do not know.

    `filtered` counts events that end here on purpose, by reason (a short fixed phrase). `broken`: parts of a batch
    that cannot be read, as bytes with a reason: they go to dead-letter.sources while the rest is produced.
    """

    records: tuple[tuple[Topic[Any], Record], ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    filtered: Mapping[str, int] = field(default_factory=dict)
    broken: tuple[tuple[bytes, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One webhook endpoint. `verify`: kit signature schemes, all of which must agree (`any_of`: one of several).

    `read(delivery)` maps it; raises MalformedError. `body_bytes_max` bounds the body (413 above). `content`: what the
    body is, whatever its Content-Type says. `answers_get`: the platform looks whether the URL is there before it
    uses it (Mailchimp does): GET and HEAD are answered 200, where the secrets in the URL are right.
    """

    name: str
    path: str
    verify: tuple[Any, ...]
    read: Callable[[Delivery], Intake]
    body_bytes_max: int = 4_000_000
    content: Literal["json", "form"] = "json"
    answers_get: bool = False


class NotThereError(Exception):
    """The platform does not (yet) know the object: park the notice and try again until its deadline."""


Fetched = Iterable[tuple[Topic[Any], Record]]
Fetch = Callable[[Notice], Generator[Request, Response, Fetched]]


@dataclass(frozen=True, slots=True)
class Page:
    """What one poll step found. `cursor`: the checkpoint after it; `more`: ask again at once.

    `broken`: objects of the page that cannot be read, for dead-letter.sources: one of them must not stop the poll.
    `findings`: what an operator should hear of, counted, by a short fixed phrase ("hook reactivated").
    """

    records: tuple[tuple[Topic[Any], Record], ...]
    cursor: str
    more: bool
    broken: tuple[tuple[bytes, str], ...] = ()
    findings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Poll:
    """One polled resource. `step(cursor or None, now_ms)` yields requests and returns a page; `interval_s` apart.

    `between(since_ms, until_ms)`: the checkpoint from which a backfill reads what changed in that time (later changes
    may follow: they are left out); None where the platform does not list by time.
    `known`: the topic to which webhooks bring the same records under the same ids. What it holds already is not
    written again, and what it lacks is counted as missed. `sweep`: each poll lists everything, under ids of its own:
    only what says something else than the newest version that `known` holds under its key is written.
    """

    resource: str
    interval_s: float
    step: Callable[[str | None, int], Generator[Request, Response, Page]]
    between: Callable[[int, int], str] | None = None
    known: Topic[Any] | None = None
    sweep: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that brings a platform's events in. `fetches`: notice resource → how to complete it.

    `webhooks_only`: what no poll can find, in words: it cannot be backfilled.
    """

    platform: Platform
    routes: tuple[Route, ...]
    notices: Topic[Notice] | None = None
    fetches: Mapping[str, Fetch] = field(default_factory=dict)
    polls: tuple[Poll, ...] = ()
    webhooks_only: tuple[str, ...] = ()
