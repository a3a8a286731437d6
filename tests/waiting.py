"""Waiting in tests: polling with a bound, never sleeping and hoping."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
DEADLINE_S = 120.0  # generous: only what is broken waits for it, and machines are shared
POLL_S = 0.02


def until(
    holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S, poll_s: float = POLL_S
) -> None:
    """Poll until `holds`; fails the test, naming `what`, after `deadline_s`."""
    end_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end_s, f"after {deadline_s:g} s it is not so that {what}"
        time.sleep(poll_s)


async def eventually(
    holds: Callable[[], Awaitable[bool]],
    what: Callable[[], str],
    deadline_s: float = DEADLINE_S,
    poll_s: float = POLL_S,
) -> None:
    """The same without holding up the loop; `what` is asked when it fails."""
    end_s = time.monotonic() + deadline_s
    while not await holds():
        assert time.monotonic() < end_s, f"after {deadline_s:g} s it is not so that {what()}"
        await asyncio.sleep(poll_s)


async def spread(steps: Sequence[T], over_s: float) -> AsyncIterator[T]:
    """The steps at an even rate: a load. Whoever is behind takes the next at once."""
    began_s = time.monotonic()
    for n, step in enumerate(steps):
        ahead_s = began_s + n * over_s / len(steps) - time.monotonic()
        await asyncio.sleep(max(0.0, ahead_s))
        yield step
