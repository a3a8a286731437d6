"""A real stream worker in a thread of its own, by a clock that the test moves."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, TypeVar
from unittest import mock

from faust.tables.manager import TableManager

from gridwire.settings import KafkaSettings
from streams.flow import Flow
from streams.runtime import worker
from streams.runtime.rounds import Pending
from streams.runtime.settings import StreamsSettings
from tests.waiting import until

T = TypeVar("T")
START_S_MAX = 60.0
STOP_S_MAX = 60.0
PROBE_S_MAX = 30.0
CONTEXT = worker.Context  # another worker may have put its own there


class Clock:
    """Epoch milliseconds, as the test says."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Worker:
    """`run_streams`, started and stopped any number of times."""

    def __init__(
        self,
        settings: KafkaSettings,
        streams: StreamsSettings,
        flows: Sequence[Flow[Any]],
        clock: Clock,
    ) -> None:
        self.settings, self.streams = settings, streams
        self._flows, self._clock = flows, clock
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._context: Any = None
        self._starts = 0
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Returns when every partition is read to its end."""
        self.failure, self._context = None, None
        self._starts += 1
        self._thread = threading.Thread(target=self._main, name="worker", daemon=True)
        self._thread.start()
        until(self._at_work, "the worker has read its partitions", START_S_MAX)

    def stop(self) -> None:
        """Commits what is finished and ends. Raises what the worker ended with."""
        assert self._thread is not None
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_S_MAX)
        assert not self._thread.is_alive(), "the worker does not stop"
        if self.failure is not None:
            raise self.failure

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 -- it belongs to the test
            self.failure = error

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        outer = self

        class Watched(CONTEXT):
            """Tells the test who it is, and goes by the test's clock."""

            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                self.rounds.wall_ms = outer._clock
                self.positions: dict[tuple[str, int], int] = {}
                outer._context = self

            def committed(self, pending: Pending) -> None:
                self.positions.update(pending.positions)
                super().committed(pending)

        with ExitStack() as changed:
            changed.enter_context(mock.patch.object(worker, "Context", Watched))
            if self._starts > 1:
                self._hurry(changed)
            await worker.run_streams(self.settings, self.streams, self._flows, {}, self._stop)

    @staticmethod
    def _hurry(changed: ExitStack) -> None:
        """A restart is quick: what the first start checked stands, and Faust waits for no tables of its own."""
        changed.enter_context(mock.patch("streams.runtime.worker.facts.check"))
        changed.enter_context(mock.patch.object(TableManager, "sleep", mock.AsyncMock()))

    # -- looking into it ----------------------------------------------------------------------------------
    def ask(self, question: Callable[[Any], T]) -> T:
        """What a question to the worker's context is answered, asked between two steps of its loop."""
        assert self._loop is not None
        answer: Future[T] = asyncio.run_coroutine_threadsafe(
            _answer(question, self._context), self._loop
        )
        return answer.result(PROBE_S_MAX)

    def _alive(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _at_work(self) -> bool:
        self._alive()
        return self._context is not None and self.ask(self._is_at_work)

    def _is_at_work(self, context: Any) -> bool:
        rounds, now_ms = context.rounds, self._clock.now_ms
        return len(rounds.tasks) == self.settings.partitions and all(
            rounds.progress.time_ms(partition, now_ms) == now_ms for partition in rounds.tasks
        )

    def idle(self, sent: Mapping[tuple[str, int], int]) -> bool:
        """Everything before the offsets in `sent` is committed, nothing is due and nothing under way."""
        self._alive()

        def is_idle(context: Any) -> bool:
            rounds, now_ms = context.rounds, self._clock.now_ms
            return (
                all(context.positions.get(tp, 0) >= offset for tp, offset in sent.items())
                and not any(of.counts or of.positions for of in (rounds.pending, rounds.sealed))
                and self._is_at_work(context)
                and all(_nothing_due(task, now_ms) for task in rounds.tasks.values())
            )

        return self.ask(is_idle)


async def _answer(question: Callable[[Any], T], context: Any) -> T:
    return question(context)


def _nothing_due(task: Any, now_ms: int) -> bool:
    due = task.next_due_ms()
    return due is None or due > now_ms
