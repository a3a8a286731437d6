"""The thread that a Kafka client belongs to, and how the event loop hears of its end."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

STUCK_S = 300.0  # without a beat: only a restart helps


class ClientThread:
    """Runs `work`, which returns once `stopping` is set; then `leave(error)`; then `over(error)`, which must not raise.

    What `work` or else `leave` raised, whatever it is, resolves `ended` in the event loop. `beat` is set by the work.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        leave: Callable[[BaseException | None], None],
        over: Callable[[BaseException | None], None],
    ) -> None:
        self.stopping = threading.Event()
        self.beat = time.monotonic()
        self._work, self._leave, self._over = work, leave, over
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self, join_s: float) -> None:
        """Waits for the end, whatever it is: who waits for `ended` sees it."""
        self.stopping.set()
        with contextlib.suppress(Exception):
            await asyncio.shield(self.ended)
        await asyncio.to_thread(self._thread.join, join_s)

    def live(self, what: str) -> str | None:
        """Why only a restart helps; None where it does not."""
        if not self._thread.is_alive():
            return f"{what} has ended"
        silent_s = time.monotonic() - self.beat
        return f"{what} stuck for {silent_s:.0f} s" if silent_s > STUCK_S else None

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._work()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            error = raised
        try:
            self._leave(error)
        except BaseException as raised:  # noqa: BLE001 - as above
            error = error or raised
        self._over(error)
        with contextlib.suppress(RuntimeError):  # the loop is gone
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
