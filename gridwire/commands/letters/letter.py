"""One dead letter, and which of them are meant."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gridwire import dead_letters
from gridwire.replays import ATTEMPT, REPLAY_OF, LetterId, Timer
from gridwire.topics import DEAD_LETTERS

State = Literal["open", "replayed", "discarded"]
STATES: tuple[State, ...] = ("open", "replayed", "discarded")
TOPICS = tuple(one.name for one in DEAD_LETTERS)
UNREADABLE_STAGE = "VALUE_CONVERTER"


@dataclass(frozen=True)
class Letter:
    """A dead letter with its original bytes. `parts_missing`: of a letter in parts, how many were not found.

    `written_ms`: when it was written to its topic, epoch milliseconds.
    """

    id: LetterId
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    written_ms: int
    parts_missing: int = 0

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Connect's headers and ours."""
        return {
            name: (value or b"").decode(errors="replace")
            for name, value in self.headers
            if name.startswith(dead_letters.OURS)
        }

    def text(self, name: str) -> str:
        return self.texts.get(name, "")

    def number(self, name: str) -> int | None:
        text = self.texts.get(name, "")
        return int(text) if text.removeprefix("-").isdecimal() else None

    @property
    def topic(self) -> str:
        """Where the original message stood; empty where it was none (what a platform sent)."""
        return self.text(dead_letters.TOPIC)

    @property
    def partition(self) -> int | None:
        return self.number(dead_letters.PARTITION)

    @property
    def reason(self) -> str:
        return self.text(dead_letters.REASON)

    @property
    def label(self) -> str:
        """Flow id/leg, flow id, or connector; empty where the bytes could not be read."""
        return self.text(dead_letters.FLOW)

    @property
    def flow(self) -> str:
        """`label` as it is said and asked for: NO_FLOW where it is empty."""
        return self.label or dead_letters.NO_FLOW

    @property
    def trace_id(self) -> str:
        return self.text(dead_letters.TRACE_ID)

    @property
    def attempt(self) -> int:
        return self.number(ATTEMPT) or 0

    @property
    def failed_ms(self) -> int:
        return self.number(dead_letters.FAILED_AT) or self.written_ms

    @property
    def timer(self) -> Timer | None:
        return Timer.parse(self.text(dead_letters.TIMER))

    @property
    def unreadable(self) -> bool:
        """Its bytes were no record for whoever read them."""
        return self.text(dead_letters.STAGE) == UNREADABLE_STAGE

    def row(self, state: State) -> dict[str, Any]:
        """What may be listed: nothing here is out of the payload."""
        return {
            "id": str(self.id),
            "state": state,
            "flow": self.flow,
            "reason": self.reason,
            "detail": self.text(dead_letters.EXCEPTION_MESSAGE),
            "error": self.text(dead_letters.EXCEPTION_CLASS),
            "stage": self.text(dead_letters.STAGE),
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.number(dead_letters.OFFSET),
            "attempt": self.attempt,
            "trace_id": self.trace_id,
            "failed_at": self.failed_ms,
            "group": self.text(dead_letters.GROUP),
            "replay_of": self.text(REPLAY_OF),
            "timer": self.text(dead_letters.TIMER),
            "bytes": len(self.value or b""),
            "parts_missing": self.parts_missing,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant; what is None or empty does not count. Times are epoch milliseconds.

    `flow`, `leg`: as in headers; a flow is meant with all of its legs. `topic`, `partition`, `key`: of the original.
    `event_id` needs the record, so it is looked at last, by whoever can decode it.
    """

    letters: frozenset[LetterId] = frozenset()
    dead_letter_topics: tuple[str, ...] = TOPICS
    flow: str | None = None
    leg: str | None = None
    reason: str | None = None
    topic: str | None = None
    partition: int | None = None
    key: bytes | None = None
    trace_id: str | None = None
    event_id: str | None = None
    unreadable: bool = False
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def narrows(self) -> bool:
        """It says anything at all."""
        return self != Filter()

    def matches(self, letter: Letter) -> bool:
        """Everything but the event id."""
        return (
            (not self.letters or letter.id in self.letters)
            and self._matches_flow(letter.flow)
            and self.reason in (None, letter.reason)
            and self.topic in (None, letter.topic)
            and self.partition in (None, letter.partition)
            and (self.key is None or self.key == letter.key)
            and self.trace_id in (None, letter.trace_id)
            and (letter.unreadable or not self.unreadable)
            and self._matches_time(letter.failed_ms)
        )

    def _matches_flow(self, label: str) -> bool:
        flow, _, leg = label.rpartition("/")
        return self.flow in (None, label, flow) and self.leg in (None, leg)

    def _matches_time(self, at_ms: int) -> bool:
        late_enough = self.since_ms is None or at_ms >= self.since_ms
        return late_enough and (self.until_ms is None or at_ms < self.until_ms)


def filter_of(arguments: argparse.Namespace) -> Filter:
    """What the arguments of the command say."""
    name = arguments.topic
    return Filter(
        letters=frozenset(arguments.letters),
        dead_letter_topics=(f"dead-letter.{name}",) if name else TOPICS,
        flow=arguments.flow,
        leg=arguments.leg,
        reason=arguments.reason,
        topic=arguments.source_topic,
        partition=arguments.partition,
        key=None if arguments.key is None else arguments.key.encode(),
        trace_id=arguments.trace,
        event_id=arguments.event,
        unreadable=arguments.unreadable,
        since_ms=arguments.since,
        until_ms=arguments.until,
    )
