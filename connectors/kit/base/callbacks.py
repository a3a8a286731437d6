"""What rebalance callbacks raise. An error that comes out of one of the client's own calls within a callback leaves
the client as something that is no exception and that nobody can catch: a thread ends without a word. So it is kept,
and raised where the client was called.
"""

from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

Rebalanced = Callable[[Consumer, list[TopicPartition]], None]


class Callbacks:
    """The callbacks of one consumer."""

    def __init__(self) -> None:
        self._raised: BaseException | None = None

    def caught(self, callback: Rebalanced) -> Rebalanced:
        """The callback, without anything that it raises."""

        def call(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            try:
                callback(consumer, partitions)
            except BaseException as error:  # noqa: BLE001 - `check` raises it
                self._raised = self._raised or error

        return call

    def check(self) -> None:
        """After each call of the client. Raises what a callback raised first."""
        if self._raised is not None:
            raise self._raised
