"""Connectors against the simulated platforms: real HTTP, the kit's own client, no Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.process import SandboxProcess, start
from tests.contract.connectors.world import World
from tests.contract.sandbox.receiver import Receiver

CALL_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def world(sandbox_process: SandboxProcess) -> Iterator[World]:
    """The platforms after a reset, and a place that webhooks come to."""
    client = httpx.Client(base_url=sandbox_process.url, timeout=CALL_TIMEOUT_S)
    with client, Receiver() as receiver:
        client.post("/_sandbox/reset").raise_for_status()
        yield World(client, receiver)
