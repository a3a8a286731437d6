"""HTTP as values: what a generator yields, and what it is given back. Connectors import them from `kit.connector`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

PAUSE_S_MAX = 60.0
# Not JSON, not UTF-8, numbers of any length, nested without end: an answer is a stranger's text.
UNDECODABLE = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is relative to the platform's base URL. `expect`: statuses that the generator judges itself.

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
        """The decoded body; None where it is empty or cannot be decoded, whatever the reason."""
        try:
            return msgspec.json.decode(self.body) if self.body else None
        except UNDECODABLE:
            return None


@dataclass(frozen=True, slots=True)
class Pause:
    """A step that sends nothing: the kit waits so many seconds, 0 to PAUSE_S_MAX, and goes on.

    For what a platform does in its own time: submit, pause, ask whether it has finished. What comes back is `PAUSED`.
    Raises ValueError where it is to be longer: pause more than once, and look in between.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.seconds <= PAUSE_S_MAX:  # nor NaN
            raise ValueError(
                f"a pause of {self.seconds:g} s: 0 to {PAUSE_S_MAX:g}; for longer ones yield several"
            )


@dataclass(frozen=True, slots=True)
class Download:
    """A step: the file behind a link that the platform sent, guarded by `Platform.links`. What comes back is a Response
    with the file as its body.

    `types`: media types that are wanted here, of those that the platform's links allow (empty: all of them).
    `bytes_max`: of this file, 0 for the platform's own bound. `expect`: statuses that the generator judges itself,
    such as those of a link that has expired; they come without a body.
    """

    url: str = field(repr=False)
    types: tuple[str, ...] = ()
    bytes_max: int = 0
    expect: frozenset[int] = frozenset()


PAUSED = Response(0, {}, b"")
