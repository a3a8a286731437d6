"""Waiting in tests: polling with a bound, never sleeping and hoping."""

import time
from collections.abc import Callable

DEADLINE_S = 30.0
POLL_S = 0.02


def until(holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until `holds`; fails the test, naming `what`, after `deadline_s`."""
    end_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < end_s, f"after {deadline_s:g} s it is not so that {what}"
        time.sleep(POLL_S)
