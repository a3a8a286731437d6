"""A producer that fails where a seed says, in the ways librdkafka fails; and spots at which the worker stops dead.

Every fault that is injected is written to a file first, so that a proof can tell that it did meet them.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException

# Errors as librdkafka would raise them; `_`-codes are its own.
QUEUE_FULL, TIMED_OUT, STATE = KafkaError._QUEUE_FULL, KafkaError._TIMED_OUT, KafkaError._STATE
ABORTS_FAIL = 0.3  # of the aborts, where faults are wanted at all
BATCHES = 12  # produced per transaction, about: each call counts as much as a commit does
NEVER = 0
_CALLS: Counter[str] = Counter()  # of this process, whichever producer made them


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What is injected. `rate`: of the calls that fail; `only`: the ways in which they may (none named: all).

    Spots, by the number of the commit or flush (from 1; 0: never): `freeze_at_commit`: SIGSTOP to itself, after the
    offsets are sent and before the commit. `die_at_commit`: kill -9 there. `die_after_commit`: right after it, before
    the worker knows. `unheard_commit`: it takes place, and its answer never comes. `die_at_flush`: at-least-once only,
    where outputs are written and their state is not.
    """

    seed: int = 0
    rate: float = 0.0
    freeze_at_commit: int = NEVER
    die_at_commit: int = NEVER
    die_after_commit: int = NEVER
    unheard_commit: int = NEVER
    die_at_flush: int = NEVER
    only: tuple[str, ...] = ()
    mutation: str = ""


def error(code: int, **more: bool) -> KafkaException:
    """What a call raises. `more`: retriable, fatal, txn_requires_abort."""
    return KafkaException(KafkaError(code, "injected", **more))


class Breaking:
    """Wraps one producer."""

    def __init__(self, producer: Any, chosen: Chosen, said: Path, dice: random.Random) -> None:
        self._producer, self._chosen, self._said, self._dice = producer, chosen, said, dice
        self._state_written = True
        self._gone = False  # a commit took place of which the caller must never hear

    def __len__(self) -> int:
        return len(self._producer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def _say(self, what: str) -> None:
        with self._said.open("a", encoding="utf-8") as out:
            out.write(f"{what}\n")

    def _strikes(self, rate: float | None = None) -> bool:
        return self._dice.random() < (self._chosen.rate if rate is None else rate)

    def _choose(self, **ways: Callable[[], Any]) -> Any:
        """One of the ways; None where none of them is wanted, which leaves the call as it is."""
        wanted = [
            name for name in sorted(ways) if not self._chosen.only or name in self._chosen.only
        ]
        if not wanted:
            return None
        name = self._dice.choice(wanted)
        self._say(name)
        return ways[name]()

    # -- writing ----------------------------------------------------------------------------------------
    def produce_batch(self, topic: str, messages: list[Any], **where: Any) -> int:
        self._state_written = "partition" in where  # changelogs name theirs
        if not (messages and self._strikes(self._chosen.rate / BATCHES)):
            return self._whole(topic, messages, where)
        taken = self._dice.randrange(len(messages))

        def partial(told: bool) -> int:
            self._producer.produce_batch(topic, messages[:taken], **where)
            for message in messages[taken:] if told else ():
                message["_error"] = KafkaError(QUEUE_FULL)
            return taken

        def raises() -> int:
            raise error(STATE)

        told = self._choose(
            batch_partial=lambda: partial(True),
            batch_silent=lambda: partial(False),
            batch_raises=raises,
        )
        return taken if told is not None else self._whole(topic, messages, where)

    def _whole(self, topic: str, messages: list[Any], where: Any) -> int:
        return int(self._producer.produce_batch(topic, messages, **where))

    def produce(self, *arguments: Any, **more: Any) -> None:
        def full() -> None:
            raise BufferError("injected")

        def raises() -> None:
            raise error(KafkaError._MSG_TIMED_OUT)

        if self._strikes():
            self._choose(single_full=full, single_raises=raises)
        self._producer.produce(*arguments, **more)

    def flush(self, *timeout_s: float) -> int:
        left = int(self._producer.flush(*timeout_s))
        _CALLS["flush"] += not self._state_written
        if not self._state_written and _CALLS["flush"] == self._chosen.die_at_flush:
            self._die("died_at_flush")
        return left

    def begin_transaction(self) -> None:
        def raises() -> None:
            raise error(STATE)

        if self._strikes(self._chosen.rate / 3):
            self._choose(begin_raises=raises)
        self._producer.begin_transaction()

    # -- ending a transaction -----------------------------------------------------------------------------
    def send_offsets_to_transaction(self, offsets: Any, metadata: Any, *timeout_s: float) -> None:
        def before() -> None:
            raise error(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True)

        def after() -> None:
            self._producer.send_offsets_to_transaction(offsets, metadata, *timeout_s)
            raise error(TIMED_OUT, retriable=True)

        if self._strikes():
            self._choose(offsets_before=before, offsets_after=after)
        self._producer.send_offsets_to_transaction(offsets, metadata, *timeout_s)

    def commit_transaction(self, *timeout_s: float) -> None:
        _CALLS["commit"] += 1
        number = _CALLS["commit"]
        if number == self._chosen.freeze_at_commit:
            self._say("frozen_at_commit")
            os.kill(os.getpid(), signal.SIGSTOP)
        if number == self._chosen.die_at_commit:
            self._die("died_at_commit")
        if self._gone:
            raise error(TIMED_OUT, retriable=True)
        if number == self._chosen.unheard_commit:
            self._say("commit_unknown")
            self._unknown(*timeout_s)
        if self._strikes():
            self._choose(
                commit_before=self._abortable,
                commit_slow=self._slow,
                commit_fatal=self._fatal,
                commit_unknown=lambda: self._unknown(*timeout_s),
            )
        self._producer.commit_transaction(*timeout_s)
        if number == self._chosen.die_after_commit:
            self._die("died_after_commit")

    @staticmethod
    def _abortable() -> None:
        raise error(KafkaError.INVALID_TXN_STATE, txn_requires_abort=True)

    @staticmethod
    def _slow() -> None:
        raise error(TIMED_OUT, retriable=True)

    @staticmethod
    def _fatal() -> None:
        raise error(KafkaError._FATAL, fatal=True)

    def _unknown(self, *timeout_s: float) -> None:
        """The broker took the commit and its answer never comes: librdkafka times out again and again."""
        self._producer.commit_transaction(*timeout_s)
        self._gone = True
        raise error(TIMED_OUT, retriable=True)

    def abort_transaction(self, *timeout_s: float) -> None:
        if self._gone:
            raise error(STATE)  # a commit is under way: librdkafka lets nobody abort it
        if self._chosen.rate and self._strikes(ABORTS_FAIL):
            self._choose(abort_slow=self._slow, abort_raises=self._abortable)
        self._producer.abort_transaction(*timeout_s)

    def _die(self, what: str) -> None:
        self._say(what)
        os.kill(os.getpid(), signal.SIGKILL)
