"""The ops server: /metrics, /livez, /readyz, and what a role adds, on a port and in a thread of its own.

It must answer just when the role does not: a flow that blocks the event loop would silence a server in that loop, and
a probe that gets no answer cannot say why. Checks and added routes still run in the role's loop, where nothing changes
under them; while that does not answer, the last report stands, and how long the loop has been held up is judged here.
"""

import asyncio
import concurrent.futures
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gridwire.health import Health, Kind, Report
from gridwire.logs import place
from gridwire.serving import AsgiServer

STOP_GRACE_S = 1
STOP_S_MAX = 5.0
BEAT_S = 0.5  # how often the role's loop shows that it turns
WATCH_S = 1.0
ANSWER_S_MAX = 2.0  # for the role's loop to answer; a probe's own time-out is longer
FROZEN_S = 5.0  # this thread does next to nothing: held up for longer, all of the process was
LOOP_HELD_UP_S_MAX = 120.0
LOOP = "event loop"
T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]
log = logging.getLogger(__name__)


class RoleLoop:
    """The event loop in which a role works, as seen from the ops thread. Made in that loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.beat_at = time.monotonic()
        self._beating = asyncio.create_task(self._beat(), name="ops-beat")

    async def _beat(self) -> None:
        while True:
            self.beat_at = time.monotonic()
            await asyncio.sleep(BEAT_S)

    async def stop(self) -> None:
        self._beating.cancel()
        with suppress(asyncio.CancelledError):
            await self._beating

    async def ask(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs `call` in the role's loop. Raises TimeoutError where it is not done within ANSWER_S_MAX."""
        asked = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return await asyncio.wait_for(asyncio.wrap_future(asked), ANSWER_S_MAX)

    def held_up_at(self) -> str:
        """Where the loop's thread is now: files, lines and functions, nothing of what they hold."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 -- that is its public name
        return place(frame) if frame is not None else "its thread has ended"


class Watch:
    """Reports, whether or not the role's loop answers; logs each change of liveness once."""

    def __init__(
        self,
        health: Health,
        loop: RoleLoop,
        *,
        held_up_s_max: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._loop = loop
        self._held_up_s_max = held_up_s_max
        self._clock = clock
        self._seen_at = clock()
        self._last: dict[Kind, Report] = {"live": Report(), "ready": Report()}
        self._told: set[str] = set()

    async def report(self, kind: Kind) -> Report:
        """The report of the role's loop; the last one where it does not answer, with what that means."""
        self.look()

        async def asked() -> Report:
            return self._health.report(kind)

        try:
            self._last[kind] = await self._loop.ask(asked)
        except TimeoutError:
            silent = "does not answer"
            return self._last[kind].failing(LOOP, silent if kind == "ready" else self._held_up())
        return self._last[kind].failing(LOOP, None)

    def look(self) -> None:
        """Notices that all of the process was frozen (SIGSTOP, a paused machine)."""
        now = self._clock()
        if now - self._seen_at > FROZEN_S:
            log.warning("process was frozen", extra={"seconds": round(now - self._seen_at, 1)})
            self._health.thawed_at = now
        self._seen_at = now

    def _held_up(self) -> str | None:
        since = max(self._loop.beat_at, self._health.thawed_at)
        seconds = self._clock() - since
        if seconds <= self._held_up_s_max:
            return None
        return f"held up for {seconds:.0f} s at {self._loop.held_up_at()}"

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            self.tell(await self.report("live"))
            await asyncio.sleep(WATCH_S)

    def tell(self, report: Report) -> None:
        """Logs what has become of each check since the last call."""
        problems = report.problems or {}
        for name in sorted(problems.keys() - self._told):
            log.error("not live", extra={"check": name, "reason": problems[name]})
        for name in sorted(self._told - problems.keys()):
            log.info("live again", extra={"check": name})
        self._told = set(problems)


def _answer(report: Report) -> Response:
    problems = report.problems or {}
    body = {
        "status": "ok" if report.ok else "unavailable",
        "problems": problems,
        "checks": {name: name not in problems for name in report.checks},
    }
    return Response(
        msgspec.json.encode(body), 200 if report.ok else 503, media_type="application/json"
    )


def ops_app(watch: Watch, loop: RoleLoop, routes: Sequence[Route] = ()) -> Starlette:
    """/metrics (Prometheus), /livez and /readyz (200 or 503, JSON with the reasons), and `routes`.

    The endpoints of `routes` run in the role's loop; where that does not answer in time, they answer 503.
    """

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": content_type})

    async def livez(_request: Request) -> Response:
        return _answer(await watch.report("live"))

    async def readyz(_request: Request) -> Response:
        return _answer(await watch.report("ready"))

    paths = {"/metrics": metrics, "/livez": livez, "/readyz": readyz}
    own = [Route(path, handler) for path, handler in paths.items()]
    return Starlette(routes=[*own, *(_in_role(route, loop) for route in routes)])


def _in_role(route: Route, loop: RoleLoop) -> Route:
    async def asked(request: Request) -> Response:
        async def call() -> Response:
            return await route.endpoint(request)  # type: ignore[no-any-return]

        try:
            return await loop.ask(call)
        except TimeoutError:
            return _answer(Report().failing(LOOP, f"no answer within {ANSWER_S_MAX:g} s"))

    return Route(route.path, asked, methods=list(route.methods or ("GET",)))


class OpsServer:
    """The ops app on its port, from `start` to `stop`; `port` is the real one after `start`.

    `held_up_s_max`: how long the role's loop may be held up before the process counts as not live. `routes`: endpoints
    of the role's own that read the path and query of a request; they run in the loop that calls `start`.
    """

    def __init__(
        self,
        health: Health,
        host: str,
        port: int,
        *,
        held_up_s_max: float = LOOP_HELD_UP_S_MAX,
        routes: Sequence[Route] = (),
    ) -> None:
        self._health = health
        self._address = (host, port)
        self._held_up_s_max = held_up_s_max
        self._routes = tuple(routes)
        self._role: RoleLoop | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self.port = 0

    async def start(self) -> None:
        """Raises PortError where the port is taken."""
        self._role = RoleLoop()
        started: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="ops", daemon=True)
        self._thread.start()
        try:
            self.port = await asyncio.wrap_future(started)
        except BaseException:
            await self.stop()
            raise
        log.info("ops server listens", extra={"port": self.port})

    async def stop(self) -> None:
        """Takes no more connections; finishes requests within STOP_GRACE_S."""
        if self._thread is None or self._role is None:
            return
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.to_thread(self._thread.join, STOP_S_MAX)
        await self._role.stop()

    def _run(self, started: "concurrent.futures.Future[int]") -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:  # whoever waits for the start is told, or else the log
            if started.done():
                log.exception("ops server ended")
            else:
                started.set_exception(error)

    async def _serve(self, started: "concurrent.futures.Future[int]") -> None:
        assert self._role is not None  # noqa: S101 -- start makes it first
        watch = Watch(self._health, self._role, held_up_s_max=self._held_up_s_max)
        app = ops_app(watch, self._role, self._routes)
        host, port = self._address
        server = AsgiServer(app, host, port, setting="GRIDWIRE_OPS_PORT", grace_s=STOP_GRACE_S)
        await server.start()
        self._loop = asyncio.get_running_loop()
        following = asyncio.create_task(watch.follow(), name="ops-watch")
        started.set_result(server.port)
        await self._stopping.wait()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await server.stop()
