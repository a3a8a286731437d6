"""What Faust would do with Kafka by itself, switched off: fetching, seeking, committing, sending, making topics.

Rounds do all of it (`streams.runtime.transport`). A method that Faust calls in passing does nothing here; one that
would go past the rounds refuses.
"""

from collections.abc import Mapping
from typing import Any

from faust.transport import base
from faust.transport.consumer import Consumer as FaustConsumer
from faust.types import TP


class QuietConsumer(FaustConsumer):
    """A consumer that leaves Kafka to whoever inherits from it. `_tps`: the partitions that it owns."""

    _tps: set[TP]

    async def _drain_messages(self, fetcher: Any) -> None:
        await fetcher._stopped.wait()  # noqa: SLF001 -- Faust's fetcher has nothing to fetch here

    async def perform_seek(self) -> None:
        """Librdkafka starts at the stable committed offset by itself."""

    async def commit(self, *_args: Any, **_kwargs: Any) -> bool:
        """Rounds commit, nothing else does."""
        return False

    async def wait_empty(self) -> None:
        """Rebalances happen between rounds: nothing is in flight."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Progress is watched per round."""

    def assignment(self) -> set[TP]:
        return self._tps

    def highwater(self, tp: TP) -> int:  # noqa: ARG002
        return 0

    def topic_partitions(self, topic: str) -> int | None:  # noqa: ARG002
        return None

    def close(self) -> None:
        """Closed by on_stop, in the Kafka thread."""

    async def earliest_offsets(self, *_partitions: TP) -> Mapping[TP, int]:
        return {}

    async def highwaters(self, *_partitions: TP) -> Mapping[TP, int]:
        return {}

    async def create_topic(self, *_args: Any, **_kwargs: Any) -> None:
        """Topics are created by `gridwire topics --apply`."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _refuse(self, *_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError("rounds do this: nothing in Faust may fetch, seek or commit")

    _to_message = _refuse
    _commit = _refuse
    _getmany = _refuse
    _seek = _refuse
    seek_to_committed = _refuse
    seek_wait = _refuse
    position = _refuse
    key_partition = _refuse


class QuietProducer(base.Producer):
    """Faust's own sends are not part of a round: refused."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError("yield outputs from the flow; nothing may send past the round")

    send = _refuse
    send_and_wait = _refuse
    key_partition = _refuse

    async def create_topic(self, *_args: Any, **_kwargs: Any) -> None:
        """Topics are created by `gridwire topics --apply`."""

    async def flush(self) -> None:
        """There is nothing to flush."""
