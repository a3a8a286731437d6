"""Calls into native code that may never come back, with a bound.

librdkafka's send_offsets_to_transaction ignores its time-out while a cached group coordinator is gone (its issues
5456 and 5511): seen after every broker restart. Such a call is left behind in its own thread, and whoever made it goes
on with a new client that fences the old one.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any

SEND_OFFSETS_S_MAX = (
    8.0  # below transaction.timeout.ms: by then the broker aborts the transaction anyway
)
ABANDONED_MAX = 5
_ABANDONED: list[
    object
] = []  # clients with a call that never came back; freeing one would wait for its call


class StuckError(Exception):
    """The call has not come back in time. Its thread is left behind."""


class BoundedCalls:
    """Runs calls one after another in a thread that is given up when one does not come back."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._start()

    def _start(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        thread = threading.Thread(target=_serve, args=(self._calls,), name=self._name, daemon=True)
        thread.start()

    def run(self, call: Callable[[], None], timeout_s: float) -> None:
        """Raises StuckError after `timeout_s`, or what the call raises."""
        answer: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def answered() -> None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 -- raised again where the call was made
                answer.put(error)
            else:
                answer.put(None)

        self._calls.put(answered)
        try:
            error = answer.get(timeout=timeout_s)
        except queue.Empty:
            self._start()
            raise StuckError(f"no answer within {timeout_s:g} s") from None
        if error is not None:
            raise error

    def close(self) -> None:
        """Ends the thread after its last call."""
        self._calls.put(None)


def abandon(client: object) -> bool:
    """Keeps a client whose call is stuck, for ever. False where too many are kept already: end the process."""
    _ABANDONED.append(client)
    return len(_ABANDONED) <= ABANDONED_MAX


def abandoned() -> int:
    """How many clients are kept. With any, end the process by `os._exit`: an ordinary end would free them."""
    return len(_ABANDONED)


def _serve(calls: "queue.SimpleQueue[Any]") -> None:
    while (call := calls.get()) is not None:
        call()
