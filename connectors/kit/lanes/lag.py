"""How far a consumer is behind, per partition, as a metric."""

from collections.abc import Mapping

from confluent_kafka import Consumer, TopicPartition

from connectors.kit.lanes.work import Assigned
from gridwire import metrics


class Lag:
    """The lag of one group on one topic. Belongs to the Kafka thread."""

    def __init__(self, consumer: Consumer, group: str, topic: str) -> None:
        self._consumer = consumer
        self._group = group
        self._topic = topic

    def measure(self, assigned: Mapping[int, Assigned]) -> None:
        """Tells it for these partitions; asks nobody: what fetches have said of the ends counts."""
        for number, one in assigned.items():
            partition = TopicPartition(self._topic, number)
            _, end = self._consumer.get_watermark_offsets(partition, cached=True)
            reached = self._reached(one, partition)
            if end >= 0 and reached is not None:
                lag = max(0, end - reached)
                metrics.CONSUMER_LAG.labels(self._group, self._topic, str(number)).set(lag)

    def forget(self, number: int) -> None:
        """The partition is another's."""
        metrics.CONSUMER_LAG.remove(self._group, self._topic, str(number))

    def _reached(self, one: Assigned, partition: TopicPartition) -> int | None:
        """Where all before is done. With nothing in hand that is where we read: behind transaction markers, too."""
        if one.progress.unfinished:
            return one.progress.position
        (place,) = self._consumer.position([partition])
        return place.offset if place.offset >= 0 else one.progress.position
