"""A registry that is away: how long one call may take, and what the calls behind it cost."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from gridwire import codec
from gridwire.codec import AWAY_S, Registry, RegistryUnavailableError

SHORT_S = 0.2


class Silent:
    """Takes connections (the backlog does) and never says a word."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def connections(self) -> int:
        """How many were made since the last look."""
        self.socket.setblocking(False)
        count = 0
        while True:
            try:
                self.socket.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    monkeypatch.setattr(codec, "REGISTRY_TIMEOUT_S", SHORT_S)
    found = Silent()
    with closing(found.socket):
        yield found


@pytest.fixture
def refusing() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    return f"http://127.0.0.1:{port}"


def asked(registry: Registry, schema_id: int = 7) -> str:
    with pytest.raises(RegistryUnavailableError) as raised:
        registry.schema(schema_id)
    return str(raised.value)


def test_a_registry_that_never_answers_is_asked_once_and_then_again_after_a_while(
    silent: Silent,
) -> None:
    now = [100.0]
    registry = Registry(silent.url, clock=lambda: now[0])
    assert "does not answer (ReadTimeout)" in asked(registry)
    assert silent.connections() == 1, "the client tries nothing again by itself"
    for n in range(20):  # a cold round: other ids, other subjects
        assert "asked again every" in asked(registry, n)
        with pytest.raises(RegistryUnavailableError, match="asked again every"):
            registry.register(f"subject-{n}", '"string"')
    assert silent.connections() == 0
    now[0] += AWAY_S
    assert "does not answer" in asked(registry)
    assert silent.connections() == 1
    registry.close()


def test_a_registration_that_is_not_answered_spares_the_look_ups_behind_it(silent: Silent) -> None:
    registry = Registry(silent.url, clock=lambda: 1.0)
    with pytest.raises(RegistryUnavailableError, match="does not answer"):
        registry.id_of("subject", '"string"')
    assert "asked again every" in asked(registry)
    assert silent.connections() == 1
    registry.close()


def test_a_registry_that_refuses_connections_is_away_as_well(refusing: str) -> None:
    registry = Registry(refusing, clock=lambda: 1.0)
    assert "does not answer (ConnectError)" in asked(registry)
    assert "asked again every" in asked(registry)
    registry.close()


def test_two_calls_without_an_answer_end_well_before_a_round_must() -> None:
    from streams.runtime.transport import ROUND_S_MAX  # noqa: PLC0415 -- the bound that it is held to

    assert 4 * codec.REGISTRY_TIMEOUT_S < ROUND_S_MAX  # connecting and reading, twice


def test_what_is_known_needs_no_registry(refusing: str) -> None:
    registry = Registry(refusing, clock=lambda: 1.0)
    registry._ids["subject"] = 3
    asked(registry)
    assert registry.id_of("subject", '"string"') == 3
    registry.close()
