"""What a connector is: data and pure functions. The kit does all I/O.

Anything that talks to a platform is a generator that yields `Request`s, receives `Response`s and returns what it
found (sans-IO): a unit test drives it by hand. Before a response reaches the generator the kit classifies it with
the connector's verdict function; only successes and the statuses named in `Request.expect` get through. Everything
else ends the generator, and the verdict decides what happens to the record: again later, dead letter, or stop.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from gridwire.records import Notice, Record
from gridwire.topics import Topic

T = TypeVar("T")


# ---- HTTP, as values ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is relative to the platform's base URL. `expect`: non-2xx statuses the caller handles itself.

    `idempotent`: the same request twice has the effect of one, so a timeout may be answered by sending it again.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    expect: frozenset[int] = frozenset()
    timeout_s: float = 30.0
    idempotent: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body; None where it is empty or not JSON."""
        try:
            return msgspec.json.decode(self.body) if self.body else None
        except msgspec.DecodeError:
            return None


# ---- verdicts ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform has it. `object_id`: the platform's id of what was written."""

    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Transient:
    """Try the same record again; `after_s` is the platform's own advice.

    `throttled`: the platform said "slower", not "broken". `early`: the platform is well, only this record must wait
    for another (its thread is not open yet): a bounded number of attempts, then rejected; never opens a breaker.
    `outcome_unknown`: set by the kit where no answer came to a request that may have had its effect.
    """

    reason: str
    after_s: float | None = None
    throttled: bool = False
    early: bool = False
    outcome_unknown: bool = False


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
Safety = Literal["natural", "keyed", "lookup", "unsafe"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a command record. `steps(command, body)`: body is the operation's field of the command.

    `safety`: how it is made safe to repeat. natural: the write replaces; keyed: the platform deduplicates by our
    key; lookup: it looks before it writes; unsafe: the kit commits an intent before sending. Where it depends on the
    body (one endpoint deduplicates, the other does not), `safety` is a function of the body: ask `safety_of`.
    """

    name: str
    safety: Safety | Callable[[Any], Safety]
    steps: Callable[[Any, Any], Steps]

    def safety_of(self, body: Any) -> Safety:
        """How this very operation is made safe to repeat."""
        return self.safety(body) if callable(self.safety) else self.safety


@dataclass(frozen=True, slots=True)
class RateAdvice:
    """What an answer's headers say about the budget. `remaining` calls until `reset_s` from now."""

    limit: int | None
    remaining: int | None
    reset_s: float | None


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


@dataclass(frozen=True, slots=True)
class Sink:
    """Carries out the commands of one platform."""

    platform: Platform
    commands: Topic[Any]
    receipts: Topic[Any]
    operations: Mapping[str, Operation]


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
    """

    records: tuple[tuple[Topic[Any], Record], ...]
    cursor: str
    more: bool
    broken: tuple[tuple[bytes, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """One polled resource. `step(cursor or None, now_ms)` yields requests and returns a page; `interval_s` apart."""

    resource: str
    interval_s: float
    step: Callable[[str | None, int], Generator[Request, Response, Page]]


@dataclass(frozen=True, slots=True)
class Source:
    """Everything that brings a platform's events in. `fetches`: notice resource → how to complete it."""

    platform: Platform
    routes: tuple[Route, ...]
    notices: Topic[Notice] | None = None
    fetches: Mapping[str, Fetch] = field(default_factory=dict)
    polls: tuple[Poll, ...] = ()
