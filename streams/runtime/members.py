"""Which worker of the group holds a partition, as the brokers tell."""

import asyncio
import logging

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from gridwire import kafka
from gridwire.settings import KafkaSettings
from streams.runtime.queries import Member

log = logging.getLogger(__name__)
ANSWER_S_MAX = 1.5  # below what the ops server waits for an endpoint


class Members:
    """The consumer group of one worker group."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        self._settings = settings
        self._group = f"{settings.group_prefix}.{group}"
        self._admin: AdminClient | None = None

    async def holding(self, partition: int) -> Member | None:
        """The member that partitions of this number are assigned to; None where the brokers do not say in time."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return await asyncio.to_thread(self._ask, partition)
        except (TimeoutError, KafkaException) as error:
            log.info("members not known", extra={"reason": type(error).__name__})
            return None

    def _ask(self, partition: int) -> Member | None:
        if self._admin is None:
            self._admin = AdminClient(kafka.client_config(self._settings))
        asked = self._admin.describe_consumer_groups([self._group], request_timeout=ANSWER_S_MAX)
        found = asked[self._group].result(ANSWER_S_MAX)
        for member in found.members:
            if any(tp.partition == partition for tp in member.assignment.topic_partitions):
                return Member(member.group_instance_id or member.client_id, member.host)
        return None
