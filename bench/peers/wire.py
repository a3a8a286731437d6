"""What both peers need: their arguments, the partners by product, and Avro in Confluent's wire format by fastavro."""

import argparse
import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from gridwire.records import SCHEMAS, Engagement, EnrichedEngagement, Partner

HEADER = struct.Struct(">bI")
BATCH = 5_000
POLL_S = 0.5
END_TIMEOUT_S = 10.0
PARTNERS_TOPIC = "source.trading-grid.partners"  # one partition
COMMIT_INTERVAL_S = 0.1  # as gridwire commits
Event = Mapping[str, Any]


def _schema(record: type[Any]) -> Any:
    """Without logical types: a datetime per timestamp would cost the peers what gridwire does not pay."""
    schema = json.loads(SCHEMAS[record])
    for field in schema["fields"]:
        if isinstance(field["type"], dict):
            field["type"].pop("logicalType", None)
    return fastavro.parse_schema(schema)


ENGAGEMENT, ENRICHED, PARTNER = map(_schema, (Engagement, EnrichedEngagement, Partner))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer is told on its command line."""

    bootstrap: str
    registry: str
    group: str
    reads: str
    writes: str


def arguments(about: str | None) -> Asked:
    parser = argparse.ArgumentParser(description=about)
    for name in Asked.__dataclass_fields__:
        parser.add_argument(f"--{name}", required=True)
    return Asked(**vars(parser.parse_args()))


def decode(schema: Any, value: bytes) -> Any:
    body = io.BytesIO(value)
    body.seek(HEADER.size)
    return fastavro.schemaless_reader(body, schema, None)


def encode(head: bytes, schema: Any, record: Event) -> bytes:
    out = io.BytesIO()
    out.write(head)
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()


def output_head(asked: Asked) -> bytes:
    """Magic byte and schema id of the output."""
    client = SchemaRegistryClient({"url": asked.registry})
    schema = Schema(SCHEMAS[EnrichedEngagement], "AVRO")
    return HEADER.pack(0, client.register_schema(f"{asked.writes}-value", schema))


def partners_by_sku(asked: Asked) -> dict[str, Event]:
    """The partner of each product, read from the partners topic to its end."""
    client = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            "group.id": f"{asked.group}.partners",
            "enable.auto.commit": False,
        }
    )
    place = TopicPartition(PARTNERS_TOPIC, 0, 0)
    end = client.get_watermark_offsets(place, timeout=END_TIMEOUT_S)[1]
    client.assign([place])
    found: dict[str, Event] = {}
    while client.position([place])[0].offset < end:
        for message in client.consume(BATCH, POLL_S):
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            partner = decode(PARTNER, message.value() or b"")
            found.update((sku, partner) for sku in partner["skus"])
    client.close()
    return found


def enriched(event: Event, partner: Event | None) -> Event:
    """The output record. Its id is the event's: a peer need not derive one."""
    return {
        "event_id": event["event_id"],
        "occurred_at": event["occurred_at"],
        "produced_at": event["produced_at"],
        "source": "peer/enrich",
        "version": event["version"],
        "trace_id": event["trace_id"],
        "causation_id": event["event_id"],
        "user_id": event["user_id"],
        "kind": event["kind"],
        "channel": event["channel"],
        "sku": event["sku"],
        "quantity": event["quantity"],
        "revenue_minor": event["revenue_minor"],
        "currency": event["currency"],
        "region": event["region"],
        "partner_id": partner["partner_id"] if partner else None,
        "product_line": None,
        "campaign_id": event["campaign_id"],
        "canvas_id": event["canvas_id"],
    }
