"""What the conformance suite must know of a connector: one value, made of what only its platform can say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from gridwire.topics import Topic
from tests.contract.connectors.world import World

# What becomes of a command that the platform answers with a status.
Outcome = Literal["delivered", "rejected", "stopped"]
# The secret that a webhook is signed with.
Signer = Literal["current", "previous", "forged", "none"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the platform's simulator listens."""

    sandbox_url: str


@dataclass(frozen=True, slots=True)
class Target:
    """The requests that a fault is aimed at; `path` as the simulator sees it, without its prefix."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Write:
    """One operation of the sink.

    `body(world, n)` makes whatever the command number `n` is about in the simulator, and returns the operation's
    field of the command. `times(world, n)`: how often its effect stands there; None where it has none (a read).
    `target`: the request that has the effect. `line`: writes of one line are sent one after another.
    """

    operation: str
    target: Target
    body: Callable[[World, int], msgspec.Struct]
    times: Callable[[World, int], int] | None
    line: str = ""


@dataclass(frozen=True, slots=True)
class Signing:
    """How the suite wants a delivery signed. `id`: of the delivery, where the platform has one."""

    by: Signer
    at_s: float
    id: str


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook route.

    `body(world, n)`: the delivery of event number `n`, about something that is there in the simulator. `topic`: where
    the gateway writes what it becomes, and `about(record, n)` tells that it is that of event `n`. `unknown`: the same
    with an event type that nobody knows. `newer(body)`: a later change of the same thing.
    `dated`: the proof has a time and ends; `sealed`: the proof covers the body. `batched`: one delivery of several.
    """

    path: str
    topic: Topic[Any]
    body: Callable[[World, int], dict[str, Any]]
    about: Callable[[Any, int], bool]
    sign: Callable[[bytes, Signing], Mapping[str, str]]
    unknown: Callable[[dict[str, Any]], dict[str, Any]]
    dated: bool
    sealed: bool
    newer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    batched: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """The poll that finds what webhooks missed: its requests (`target`) and what its `resource` is called.

    `stamp(world, numbers, at_s)`: makes these numbers as changed at that time. `page`: rows of a full page. `broken`:
    the body of a page with one row that cannot be read and nothing else. `loop`: the body of a page that leads back to
    itself; None: there is none.
    """

    target: Target
    resource: str
    stamp: Callable[[World, list[int], float], None]
    page: int
    broken: Any
    loop: Any = None


@dataclass(frozen=True, slots=True)
class Read:
    """What a webhook's fetch brings of event number `n` of the first hook, and a poll, where there is one.

    `fetch(n)`: its request. `about(record, n)`: whether a record of `topic` is that of number `n`.
    """

    topic: Topic[Any]
    fetch: Callable[[int], Target]
    about: Callable[[Any, int], bool]
    poll: Polled | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """Tokens that end: how the simulator ends them all, and where new ones come from."""

    end: Callable[[World], None]
    target: Target


@dataclass(frozen=True, slots=True)
class Throttle:
    """How the platform says "slower".

    `headers(now_s, wait_s)`: its own headers on a 429. `tighten(world, calls, window_s)`: makes the simulator allow
    so many calls in a window.
    """

    headers: Callable[[float, float], Mapping[str, str]]
    tighten: Callable[[World, int, float], None]


@dataclass(frozen=True, slots=True)
class Missing:
    """A command about something that is not there. `appear` makes it; None: it never comes, and `outcome` follows."""

    operation: str
    body: Callable[[World, int], msgspec.Struct]
    outcome: Outcome
    appear: Callable[[World, int], None] | None = None


@dataclass(frozen=True, slots=True)
class HalfFailed:
    """A success that says that a part failed: an answer, and what becomes of the command."""

    operation: str
    status: int
    body: Callable[[World, int], Any]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Conformance:
    """A connector, as the suite sees it. `name`: as in the registry.

    `environ(place)`: its variables, pointed at the simulator. `prepare(world)`: what the simulator is told after each
    reset. `writes`: every operation, the first stands for all where one is enough; `hooks`: every route, likewise.
    `answers`: what becomes of a command that is answered with a status, where the platform differs from the usual.
    `secrets`: values that must never be seen. `inapplicable`: cases that make no sense here, each with its reason.
    """

    name: str
    environ: Callable[[Place], Mapping[str, str]]
    prepare: Callable[[World], None]
    writes: tuple[Write, ...]
    hooks: tuple[Hook, ...]
    throttle: Throttle
    missing: Missing
    secrets: tuple[str, ...]
    half_failed: HalfFailed | None = None
    read: Read | None = None
    token: Token | None = None
    answers: Mapping[int, Outcome] = field(default_factory=dict)
    inapplicable: Mapping[str, str] = field(default_factory=dict)
