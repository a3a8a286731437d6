"""A commit of which nobody knows whether it took place: the state is read again from where it is known."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from gridwire.settings import KafkaSettings
from streams.runtime import transport
from streams.runtime.fatal import FatalError
from streams.runtime.transport import Consumer
from streams.runtime.writer import COMMIT_TRIES_MAX, AbortedError, Writer


def kafka_error(code: int, *, retriable: bool = False, abort: bool = False) -> KafkaError:
    return KafkaError(code, "", False, retriable, abort)


class _Producer:
    def __init__(self, *errors: KafkaError) -> None:
        self.errors = list(errors)
        self.commits = 0

    def begin_transaction(self) -> None:
        """Begins."""

    def send_offsets_to_transaction(self, *_: Any) -> None:
        """Sends."""

    def commit_transaction(self, _timeout_s: float) -> None:
        self.commits += 1
        if self.errors:
            raise KafkaException(self.errors.pop(0))


def writer(producer: _Producer) -> Writer:
    made = Writer.__new__(Writer)
    any_producer: Any = producer
    any_bounded: Any = _AtOnce()
    made.exactly_once, made._open, made._group = True, False, "streams"
    made._settings = KafkaSettings(bootstrap="nowhere:1", registry_url="http://unused")
    made._producer, made._bounded = any_producer, any_bounded
    return made


class _AtOnce:
    def run(self, call: Callable[[], None], _timeout_s: float) -> None:
        call()


def committed(*errors: KafkaError) -> AbortedError | None:
    try:
        writer(_Producer(*errors)).commit([], None)
    except AbortedError as error:
        return error
    return None


TIMED_OUT = KafkaError._TIMED_OUT


def test_a_commit_that_is_answered_in_the_end_is_certain() -> None:
    assert committed() is None
    assert committed(*[kafka_error(TIMED_OUT, retriable=True)] * (COMMIT_TRIES_MAX - 1)) is None


def test_a_commit_without_an_answer_is_uncertain() -> None:
    error = committed(*[kafka_error(TIMED_OUT, retriable=True)] * COMMIT_TRIES_MAX)
    assert error is not None
    assert error.uncertain


def test_a_commit_that_is_refused_is_certain_not_to_have_taken_place() -> None:
    error = committed(kafka_error(KafkaError.UNKNOWN_PRODUCER_ID, abort=True))
    assert error is not None
    assert not error.uncertain


def test_a_producer_that_was_fenced_ends_the_worker_whatever_became_of_its_commit() -> None:
    with pytest.raises(FatalError):
        writer(_Producer(kafka_error(KafkaError._FENCED))).commit([], None)


class _Told:
    """Notes what is asked of it, in order."""

    def __init__(self, calls: list[str], name: str = "") -> None:
        self._calls, self._name = calls, name

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            self._calls.append(f"{self._name}{name}")

        return call


class _Context:
    group = "streams"

    def aborted(self, error: Exception) -> str:
        return str(error)


async def gone_back(error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    consumer: Any = Consumer.__new__(Consumer)
    told: Any = _Told(calls, "broker.")
    told.writer = _Told(calls, "writer.")
    rounds: Any = _Told(calls, "rounds.")
    rounds.kept = _Told(calls, "kept.")
    consumer.broker, consumer.rounds, consumer.context = told, rounds, _Context()
    consumer.suspect, consumer._batches, consumer._sealed = _Told([]), [], []

    async def at_once(call: Callable[[], Any]) -> Any:
        return call()

    consumer._kafka = at_once
    monkeypatch.setattr(transport, "ABORT_PAUSE_S", 0)
    await consumer._go_back(error)
    await asyncio.sleep(0)
    return calls


async def test_after_it_everything_is_restored_once_the_brokers_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = await gone_back(AbortedError("no answer", uncertain=True), monkeypatch)
    assert calls == ["writer.abort", "rounds.aborted", "broker.rewind", "broker.hold", "kept.again"]


async def test_after_any_other_abort_the_tasks_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = await gone_back(AbortedError("a reason"), monkeypatch)
    assert calls == ["writer.abort", "rounds.aborted", "broker.rewind"]
