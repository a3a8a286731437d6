"""Health checks, and the ops server on a real port."""

import socket

import httpx
import pytest

from gridwire.health import Health, OpsServer
from gridwire.serving import PortError


async def test_live_and_ready_answer_200_or_503_with_the_reasons() -> None:
    health = Health()
    down: list[str] = []
    health.ready("kafka", lambda: down[0] if down else None)
    health.live("thread", lambda: None)
    server = OpsServer(health, "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        down.append("Kafka does not answer")
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["problems"] == {"kafka": "Kafka does not answer"}
        assert ready.json()["checks"] == {"kafka": False}
        assert (await client.get("/livez")).status_code == 200
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert "# TYPE gridwire_webhooks_total counter" in metrics.text
        assert (await client.get("/")).status_code == 404
    await server.stop()


def test_a_check_that_raises_counts_as_failed() -> None:
    health = Health()
    health.live("odd", lambda: str(int("alice")))
    assert health.report("live").problems == {"odd": "check failed to run (ValueError)"}


def test_a_check_that_is_removed_does_not_count() -> None:
    health = Health()
    health.ready("start", lambda: "starting")
    health.remove("start")
    assert health.report("ready").ok


async def test_a_port_that_is_taken_is_an_error_that_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = OpsServer(Health(), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(PortError, match="GRIDWIRE_OPS_PORT"):
            await server.start()
