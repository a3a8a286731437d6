"""What one consume brought, by topic and partition."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import methodcaller

from confluent_kafka import KafkaError, Message

from streams.runtime.broker import TP

TOPIC, PARTITION = methodcaller("topic"), methodcaller("partition")


def by_partition(messages: Sequence[Message]) -> tuple[dict[TP, list[Message]], dict[TP, int]]:
    """Messages in order, and the end offsets of partitions behind whose end nothing more came."""
    found: dict[TP, list[Message]] = {}
    ended: dict[TP, int] = {}
    for tp, run in _runs(messages):
        read = [message for message in run if message.error() is None]
        if read:
            ended.pop(tp, None)
            found.setdefault(tp, []).extend(read)
        end = _end(run)
        if end is not None:
            ended[tp] = end
    return found, ended


def _runs(messages: Sequence[Message]) -> Iterator[tuple[TP, Sequence[Message]]]:
    """Librdkafka hands messages out in runs of one partition: told apart without a step per message."""
    places = zip(map(TOPIC, messages), map(PARTITION, messages), strict=True)
    start = 0
    for (topic, partition), run in groupby(places):
        end = start + len(list(run))
        yield (topic or "", partition or 0), messages[start:end]
        start = end


def _end(run: Sequence[Message]) -> int | None:
    """The end of the partition, where the run says that it is reached and nothing follows in it."""
    for message in reversed(run):
        error = message.error()
        if error is None:
            return None
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- that is its public name
            return message.offset() or 0
    return None
