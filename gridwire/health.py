"""Health that tells the truth: named checks, and the ops server with /metrics, /livez and /readyz.

A check is a callable that returns None, or the reason why not. `live` answers "would a restart help?", `ready` answers
"does it do its work now?".
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gridwire.serving import AsgiServer

STOP_GRACE_S = 1
Check = Callable[[], str | None]
Kind = Literal["live", "ready"]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks of a kind: `problems` by check name."""

    checks: tuple[str, ...]
    problems: dict[str, str]

    @property
    def ok(self) -> bool:
        return not self.problems


class Health:
    """The checks of one process. Names are unique per kind; adding one again replaces it."""

    def __init__(self) -> None:
        self._checks: dict[Kind, dict[str, Check]] = {"live": {}, "ready": {}}

    def live(self, name: str, check: Check) -> None:
        """Fails where only a restart helps."""
        self._checks["live"][name] = check

    def ready(self, name: str, check: Check) -> None:
        """Fails while the work is not being done."""
        self._checks["ready"][name] = check

    def remove(self, name: str) -> None:
        for checks in self._checks.values():
            checks.pop(name, None)

    def report(self, kind: Kind) -> Report:
        """Runs the checks. One that raises counts as failed: it must not pass for healthy."""
        checks = dict(self._checks[kind])
        problems = {}
        for name, check in checks.items():
            reason = self._run(name, check)
            if reason is not None:
                problems[name] = reason
        return Report(tuple(checks), problems)

    @staticmethod
    def _run(name: str, check: Check) -> str | None:
        try:
            return check()
        except Exception as error:
            log.exception("health check failed to run", extra={"check": name})
            return f"check failed to run ({type(error).__name__})"


def _answer(report: Report) -> Response:
    body = {
        "status": "ok" if report.ok else "unavailable",
        "problems": report.problems,
        "checks": {name: name not in report.problems for name in report.checks},
    }
    return Response(
        msgspec.json.encode(body), 200 if report.ok else 503, media_type="application/json"
    )


def ops_app(health: Health) -> Starlette:
    """/metrics (Prometheus), /livez and /readyz (200 or 503, JSON with the reasons)."""

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": content_type})

    async def livez(_request: Request) -> Response:
        return _answer(health.report("live"))

    async def readyz(_request: Request) -> Response:
        return _answer(health.report("ready"))

    paths = {"/metrics": metrics, "/livez": livez, "/readyz": readyz}
    return Starlette(routes=[Route(path, handler) for path, handler in paths.items()])


class OpsServer:
    """The ops app on its port, from `start` to `stop`; `port` is the real one after `start`."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._server = AsgiServer(
            ops_app(health), host, port, setting="GRIDWIRE_OPS_PORT", grace_s=STOP_GRACE_S
        )

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        """Raises PortError where the port is taken."""
        await self._server.start()
        log.info("ops server listens", extra={"port": self.port})

    async def stop(self) -> None:
        await self._server.stop()
