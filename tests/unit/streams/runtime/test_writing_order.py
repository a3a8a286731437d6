"""Without transactions: what is remembered must not be there before what it stands for."""

from typing import Any

from gridwire.settings import KafkaSettings
from streams.runtime.writer import Single, Write, Writer


class _Producer:
    """What was written, with a mark where everything before it is known to be there."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __len__(self) -> int:
        return 0

    def produce_batch(self, topic: str, messages: list[Any], **_: Any) -> int:
        self.said.append(topic)
        return len(messages)

    def produce(self, topic: str, *_: Any, **__: Any) -> None:
        self.said.append(topic)

    def flush(self, _timeout_s: float) -> int:
        self.said.append("|")
        return 0

    def poll(self, _timeout_s: float) -> int:
        return 0

    def begin_transaction(self) -> None:
        self.said.append("begin")


def said(*, exactly_once: bool) -> list[str]:
    producer: Any = _Producer()
    writer = Writer.__new__(Writer)
    writer.exactly_once, writer._open, writer._failed = exactly_once, False, 0
    writer._settings = KafkaSettings(bootstrap="b:1", registry_url="http://r")
    writer._producer, writer._group = producer, "streams"
    row = [{"value": b"1", "key": "k"}]
    batches = [Write("seen", row, 0, 2), Write("out", row), Write("table", row, 0, 1)]
    writer.produce(batches, [Single("dead", "k", b"1")])
    return list(producer.said)


def test_ids_are_remembered_after_state_and_state_after_outputs_and_dead_letters() -> None:
    assert said(exactly_once=False) == ["dead", "out", "|", "table", "|", "seen"]


def test_a_transaction_needs_no_order() -> None:
    assert said(exactly_once=True) == ["begin", "dead", "out", "table", "seen"]
