"""How long records were under way: a few of each batch stand for all of it, and are counted once they are committed.

A record's times are read off its first bytes: every schema begins with event id, occurred_at and produced_at, so
neither rows nor columns need to be decoded for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gridwire import metrics
from gridwire.topics import Topic

SAMPLES_MAX = 4  # records of one batch that are looked at
AGE_S_MAX = 30 * 86_400.0  # an absurd time must not outweigh all others in a histogram's sum
HEAD_BYTES = 5  # magic byte and schema id
ID_BYTES_MAX = 512
TIME_MS_END = 253_402_300_800_000  # the year 10000
LONG_BITS_MAX = 63

Sample = tuple[int, int, int]  # occurred_at, produced_at (epoch ms), how many records it stands for


class Valued(Protocol):
    """A message with a value."""

    def value(self) -> bytes | None: ...


def samples(messages: Sequence[Valued]) -> list[Sample]:
    """Up to SAMPLES_MAX records, evenly spaced, that together stand for all of the batch.

    One whose first bytes are no such head is left out: whoever decodes it says what is wrong with it.
    """
    total = len(messages)
    count = min(total, SAMPLES_MAX)
    found = []
    for n in range(count):
        times = head(messages[(2 * n + 1) * total // (2 * count)].value())
        if times is not None:
            found.append((*times, (n + 1) * total // count - n * total // count))
    return found


def head(raw: bytes | None) -> tuple[int, int] | None:
    """(occurred_at, produced_at) of an encoded record, epoch ms; None where there is nothing like it."""
    if raw is None:
        return None
    try:
        length, at = long_at(raw, HEAD_BYTES)
        if not 0 < length <= ID_BYTES_MAX:
            return None
        occurred_ms, at = long_at(raw, at + length)
        produced_ms, _ = long_at(raw, at)
    except (IndexError, OverflowError):
        return None
    plausible = 0 <= occurred_ms < TIME_MS_END and 0 < produced_ms < TIME_MS_END
    return (occurred_ms, produced_ms) if plausible else None


def long_at(raw: bytes, at: int) -> tuple[int, int]:
    """Avro's long at a place, and the place behind it. Raises IndexError, OverflowError."""
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
        if shift > LONG_BITS_MAX:
            raise OverflowError


def account(
    by_topic: Mapping[str, Sequence[Sample]],
    topics: Mapping[str, Topic[Any]],
    flows_by_topic: Mapping[str, Iterable[str]],
    now_ms: int,
) -> None:
    """Counts the samples of one commit, which was at `now_ms`."""
    for name, found in by_topic.items():
        produced = _tally((now_ms - at, count) for _, at, count in found)
        occurred = _tally((now_ms - at, count) for at, _, count in found)
        for flow in flows_by_topic.get(name, ()):
            metrics.PROCESSING_LATENCY.labels(flow).observe_tally(produced)
            metrics.END_TO_END_LATENCY.labels(flow).observe_tally(occurred)
        if name in topics and topics[name].kind == "source":
            intake = _tally((after - before, count) for before, after, count in found)
            metrics.INTAKE_LATENCY.labels(name).observe_tally(intake)


def _tally(ages_ms: Iterable[tuple[int, int]]) -> metrics.Tally:
    bounded = ((min(max(0, age_ms) / 1000, AGE_S_MAX), count) for age_ms, count in ages_ms)
    return metrics.tally(bounded, metrics.LATENCY_S)
