"""One sandbox process for all contract tests of the platforms; each test starts from a reset."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.process import SandboxProcess, start
from tests.contract.sandbox.receiver import Receiver

CALL_TIMEOUT_S = 60.0


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def http(sandbox_process: SandboxProcess) -> Iterator[httpx.Client]:
    """A client of the sandbox's root, after a reset of all platforms."""
    with httpx.Client(base_url=sandbox_process.url, timeout=CALL_TIMEOUT_S) as client:
        client.post("/_sandbox/reset").raise_for_status()
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A web server that takes webhooks and answers what the test says."""
    with Receiver() as server:
        yield server
