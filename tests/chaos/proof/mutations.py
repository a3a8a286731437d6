"""Ways to break the product on purpose: a proof that does not notice them proves nothing."""

from collections.abc import Callable
from typing import Any

from streams.engine.seen import Seen
from streams.engine.state import State
from streams.engine.store import Store
from streams.runtime.broker import Broker
from streams.runtime.rounds import Rounds
from streams.runtime.writer import Writer


def _never_goes_back() -> None:
    """An aborted round is not read again."""
    rewind: Any = lambda _self: None  # noqa: E731 -- a method, in one line
    Broker.rewind = rewind  # type: ignore[method-assign]


def _keeps_aborted_state() -> None:
    """The state of an aborted round stays."""
    Store.abort = Store.commit  # type: ignore[method-assign]


def _commits_instead_of_aborting() -> None:
    """What an aborted round wrote is published."""

    def abort(self: Any) -> None:
        producer, self._open = self._producer, False
        if producer is not None:
            producer.commit_transaction(10)

    Writer.abort = abort  # type: ignore[method-assign]


def _forgets_ids() -> None:
    """Redelivered ids are taken for new ones."""
    first_time: Any = lambda _self, _id: True  # noqa: E731 -- a method, in one line
    first_times: Any = lambda _self, _ids: None  # noqa: E731
    Seen.first_time, Seen.first_times = first_time, first_times  # type: ignore[method-assign]


def _turns_batches_round() -> None:
    """Records of a batch are handled last first."""
    batches = Rounds.batches

    def turned(self: Any, messages: Any, done: Any) -> Any:
        made = batches(self, messages, done)
        for batch in made:
            if len(batch.messages) > 2:
                batch.messages[:-1] = batch.messages[-2::-1]
        return made

    Rounds.batches = turned  # type: ignore[method-assign]


def _writes_no_tombstones() -> None:
    """Changelogs keep what was deleted."""
    drain = State.drain

    def kept(self: Any) -> Any:
        return {
            name: {key: value for key, value in rows.items() if value is not None}
            for name, rows in drain(self).items()
        }

    State.drain = kept  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "never goes back": _never_goes_back,
    "keeps aborted state": _keeps_aborted_state,
    "commits instead of aborting": _commits_instead_of_aborting,
    "forgets ids": _forgets_ids,
    "turns batches round": _turns_batches_round,
    "writes no tombstones": _writes_no_tombstones,
}
