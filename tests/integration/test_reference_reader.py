"""The reader of full copies on a real broker whose topic goes away under it."""

import pytest
from confluent_kafka.admin import AdminClient

from gridwire import kafka
from gridwire.settings import KafkaSettings
from sandbox.kafka import RunningBroker
from streams.engine.plan import plan
from streams.runtime import references
from streams.runtime.references import ReferenceReader
from streams.tables import PARTNERS
from tests.unit.streams.engine.flows import TWO_WAITS
from tests.waiting import until


def test_a_reference_topic_that_is_deleted_ends_the_reader_with_what_to_do(
    own_kafka: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = KafkaSettings(bootstrap=own_kafka.broker.bootstrap, registry_url="http://unused")
    monkeypatch.setattr(references, "LOOK_EVERY_S", 1.0)
    monkeypatch.setattr(references, "LOOK_PAUSE_S", 0.2)
    assert PARTNERS.copy_of is not None
    kafka.create_topics(settings, [])
    reader = ReferenceReader(settings, plan((TWO_WAITS,)))
    reader.start()
    until(lambda: reader.ready, "the copy is read")
    admin = AdminClient(kafka.client_config(settings))
    for future in admin.delete_topics([PARTNERS.copy_of.name]).values():
        future.result()
    until(lambda: reader.error is not None, "the reader says why it ended")
    assert "gridwire topics --apply" in str(reader.error)
    reader.stop()
