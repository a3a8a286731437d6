"""The ops server on a real port: it answers also when the role's event loop does not."""

import asyncio
import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gridwire import ops
from gridwire.health import Health
from gridwire.ops import OpsServer, RoleLoop, Watch
from gridwire.serving import PortError
from tests.waiting import until


@asynccontextmanager
async def serving(health: Health, **options: Any) -> AsyncIterator[OpsServer]:
    server = OpsServer(health, "127.0.0.1", 0, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_live_and_ready_answer_200_or_503_with_the_reasons() -> None:
    health = Health()
    down: list[str] = []
    health.ready("kafka", lambda: down[0] if down else None)
    health.live("thread", lambda: None)
    async with (
        serving(health) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        down.append("Kafka does not answer")
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["problems"] == {"kafka": "Kafka does not answer"}
        assert ready.json()["checks"] == {"kafka": False, "event loop": True}
        assert (await client.get("/livez")).status_code == 200
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "# TYPE gridwire_webhooks_total counter" in metrics.text
        assert (await client.get("/")).status_code == 404


async def test_a_port_that_is_taken_is_an_error_that_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = OpsServer(Health(), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(PortError, match="GRIDWIRE_OPS_PORT"):
            await server.start()


async def test_an_endpoint_of_the_role_runs_in_its_loop() -> None:
    own = threading.get_ident()

    async def where(request: Request) -> Response:
        same = threading.get_ident() == own
        return PlainTextResponse(f"{request.path_params['name']} {same}")

    async with (
        serving(Health(), routes=[Route("/tables/{name}", where)]) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        assert (await client.get("/tables/orders")).text == "orders True"


def asked(port: int, path: str) -> tuple[int, dict[str, str]]:
    """Status and problems, from a thread that needs no event loop."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, json.loads(answer.read())["problems"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["problems"]


async def test_a_loop_that_is_held_up_is_found_and_told_where_it_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ops, "ANSWER_S_MAX", 0.05)
    found: dict[str, tuple[int, dict[str, str]]] = {}

    def look(port: int) -> None:
        try:
            until(lambda: asked(port, "/livez")[0] == 503, "a held-up loop is not live")
            found["live"], found["ready"] = asked(port, "/livez"), asked(port, "/readyz")
        finally:
            seen.set()

    async with serving(Health(), held_up_s_max=0.2) as server:
        seen = threading.Event()
        looker = threading.Thread(target=look, args=(server.port,))
        looker.start()
        assert seen.wait(60)  # blocks the role's loop, as a flow that hangs does
        looker.join()
        await asyncio.to_thread(
            until, lambda: asked(server.port, "/livez")[0] == 200, "a loop that turns is live"
        )
    status, problems = found["live"]
    assert status == 503
    assert "held up for" in problems["event loop"]
    assert "test_ops.py" in problems["event loop"]
    assert found["ready"] == (503, {"event loop": "does not answer"})


async def test_a_process_that_was_frozen_as_a_whole_counts_anew() -> None:
    now = [1_000.0]
    health, loop = Health(), RoleLoop()
    watch = Watch(health, loop, held_up_s_max=60.0, clock=lambda: now[0])
    health.thawed_at = 0.0
    now[0] += 2.0
    watch.look()
    assert health.thawed_at == 0.0
    now[0] += 600.0
    watch.look()
    assert health.thawed_at == now[0]
    await loop.stop()


async def test_each_change_of_liveness_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gridwire.ops")
    health, loop = Health(), RoleLoop()
    watch = Watch(health, loop, held_up_s_max=60.0)
    reason: list[str] = ["topic/3 stands at 120 of 340"]
    health.live("partitions", lambda: reason[0] if reason else None)
    for _ in range(3):
        watch.tell(health.report("live"))
    reason.clear()
    for _ in range(2):
        watch.tell(health.report("live"))
    said = [(entry.message, getattr(entry, "reason", "")) for entry in caplog.records]
    assert said == [("not live", "topic/3 stands at 120 of 340"), ("live again", "")]
    await loop.stop()
