"""Up to where the changelogs are contained in the state of this worker: from there a later restore may read on.

Right after a restore that is its end. Later on the ends of the changelogs are asked for now and then, and count once a
commit that began after the answer has succeeded: it is fenced by the group, so everything before those ends was
written by this worker, or restored by it. What was written since is read again, which changes nothing.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from gridwire import kafka
from gridwire.settings import KafkaSettings
from streams.runtime.clean_stop import FORMAT, Marker, Place, now_ms

log = logging.getLogger(__name__)

ASK_EVERY_S = 30.0
ANSWER_S_MAX = 10.0
# A tombstone stays in a compacted topic for `delete.retention.ms` (kafka.COMPACTED: a day). State that is older than
# that might keep rows that were deleted meanwhile; half of it leaves room for the restore and for clocks.
MARKER_MS_MAX = int(kafka.COMPACTED["delete.retention.ms"]) // 2

Spot = tuple[str, int]  # changelog topic, partition


class Marks:
    """Places by partition and store."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._places: dict[int, dict[str, Place]] = {}
        self._as_of_ms: dict[int, int] = {}  # of partitions whose restore is not whole
        self._admin = AdminClient(kafka.client_config(settings))
        self._asked: dict[TopicPartition, Any] = {}
        self._asked_at = time.monotonic()
        self._answer: dict[Spot, int] = {}

    def begin(
        self, partition: int, places: Mapping[str, Place], as_of_ms: int | None = None
    ) -> None:
        """A partition's state contains its changelogs up to these places.

        `as_of_ms` (epoch ms): from when it is, while its restore is not whole. A stop does not make it younger: rows
        that were deleted since are still there, and their tombstones do not stay for ever.
        """
        self._places[partition] = dict(places)
        self._as_of_ms.pop(partition, None)
        if as_of_ms is not None:
            self._as_of_ms[partition] = as_of_ms

    def end(self, partition: int) -> Marker | None:
        """The marker for a partition that goes; None where nothing is known of it."""
        places = self._places.pop(partition, None)
        as_of_ms = self._as_of_ms.pop(partition, None)
        if places is None:
            return None
        stopped_at_ms = now_ms() if as_of_ms is None else as_of_ms
        return Marker(FORMAT, partition, self._settings.partitions, stopped_at_ms, places)

    # -- moving on ----------------------------------------------------------------------------------------
    def before_commit(self) -> None:
        """Takes the answer that is there, or asks where it is time to."""
        now = time.monotonic()
        if self._asked and all(future.done() for future in self._asked.values()):
            self._answer = {}
            for where, future in self._asked.items():
                if future.exception() is None:
                    self._answer[where.topic, where.partition] = future.result().offset
            self._asked = {}
        elif now - self._asked_at > ASK_EVERY_S and self._places:
            self._asked_at = now
            self._ask()

    def _ask(self) -> None:
        spots = {
            TopicPartition(place.topic, partition): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for partition, places in self._places.items()
            for place in places.values()
        }
        try:
            self._asked = self._admin.list_offsets(
                spots,
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=ANSWER_S_MAX,
            )
        except KafkaException as error:  # the places stay where they are
            log.warning("ends of changelogs not known", extra={"reason": error.args[0].name()})

    def after_commit(self) -> None:
        """The commit that began after the last answer has succeeded."""
        answer, self._answer = self._answer, {}
        for partition, places in self._places.items() if answer else ():
            for store, place in places.items():
                end = answer.get((place.topic, partition), 0)
                if end > place.offset:
                    places[store] = Place(place.topic, place.topic_id, end)

    def aborted(self) -> None:
        """Nothing was proven."""
        self._answer = {}


def distrusted(
    marker: Marker | None,
    partitions: int,
    ends: Mapping[Spot, tuple[int, int]],
    ids: Mapping[str, str],
) -> str | None:
    """Why what a marker says does not hold; None where it does. `ends`: first and next offset of each changelog."""
    if marker is None:
        return "no clean stop"
    age_ms = now_ms() - marker.stopped_at_ms
    if not 0 <= age_ms <= MARKER_MS_MAX:
        return "too old"
    if marker.partitions != partitions:
        return "another number of partitions"
    for place in marker.places.values():
        low, high = ends.get((place.topic, marker.partition), (0, -1))
        if ids.get(place.topic, "") != place.topic_id or not place.topic_id:
            return "another topic"
        if not low <= place.offset <= high:
            return "offsets that the changelog does not have"
    return None
