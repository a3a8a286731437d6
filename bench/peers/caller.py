"""The delivery loop that one would write by hand: consume, decode, POST, write a receipt; at least once.

Up to CONCURRENCY calls at once, without order per key, retries or a rate; offsets are committed after the receipts of a
batch have been delivered, as often as gridwire commits.
"""

import argparse
import asyncio
import io
import json
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import fastavro
import httpx
import uvloop
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from bench.peers import wire
from gridwire.records import SCHEMAS, BrazeCommand, Receipt

CONCURRENCY = 32
CONSUME_MAX = 500
CONSUME_S = 0.05
FLUSH_S = 30.0
TIMEOUT_S = 30.0
HEADERS = {"authorization": "Bearer bench", "accept": "application/json"}
Post = Callable[[str, Any], Awaitable[int]]


def _schema(record: type[Any]) -> Any:
    """Without logical types: a datetime per timestamp would cost the peer what gridwire does not pay."""
    return fastavro.parse_schema(_plain(json.loads(SCHEMAS[record])))


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items() if name != "logicalType"}
    return node


class Loop:
    """Runs until it is told to end."""

    def __init__(self, asked: argparse.Namespace, post: Post) -> None:
        self._asked = asked
        self._post = post
        self._command, self._receipt = _schema(BrazeCommand), _schema(Receipt)
        registry = SchemaRegistryClient({"url": asked.registry})
        subject = f"{asked.writes}-value"
        schema_id = registry.register_schema(subject, Schema(SCHEMAS[Receipt], "AVRO"))
        self._head = wire.HEADER.pack(0, schema_id)
        common = {"bootstrap.servers": asked.bootstrap}
        self._consumer = Consumer(
            common
            | {
                "group.id": asked.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
            }
        )
        self._producer = Producer(
            common
            | {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 5,
                "partitioner": "murmur2_random",
            }
        )
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(CONCURRENCY)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        self._consumer.subscribe([self._asked.reads])
        committed_at = time.monotonic()
        while not self._stop.is_set():
            messages = await asyncio.to_thread(self._consumer.consume, CONSUME_MAX, CONSUME_S)
            for message in messages:
                if message.error() is not None:
                    raise KafkaException(message.error())
            await asyncio.gather(*(self._one(message) for message in messages))
            if messages and time.monotonic() - committed_at >= wire.COMMIT_INTERVAL_S:
                await asyncio.to_thread(self._commit)
                committed_at = time.monotonic()
        self._commit()
        self._consumer.close()

    async def _one(self, message: Any) -> None:
        body = io.BytesIO(message.value())
        body.seek(wire.HEADER.size)
        command: Any = fastavro.schemaless_reader(body, self._command, None)
        change = command["set_attributes"]
        user = {
            "external_id": change["customer_ref"],
            "_update_existing_only": True,
            **change["attributes"],
        }
        async with self._slots:
            status = await self._post(self._asked.url, {"attributes": [user]})
        if status != 200:
            raise RuntimeError(f"status {status}")
        value = wire.encode(self._head, self._receipt, self._answered(command))
        self._producer.produce(self._asked.writes, value, command["lane"])
        self._producer.poll(0)

    @staticmethod
    def _answered(command: Any) -> dict[str, Any]:
        now_ms = int(time.time() * 1_000)
        return {
            "event_id": command["event_id"],
            "occurred_at": now_ms,
            "produced_at": now_ms,
            "source": "peer/delivery",
            "version": 0,
            "trace_id": command["trace_id"],
            "causation_id": command["event_id"],
            "command_id": command["event_id"],
            "flow": command["flow"],
            "platform": "bench",
            "operation": command["operation"],
            "lane": command["lane"],
            "outcome": "delivered",
            "object_id": None,
            "reason": None,
            "attempts": 1,
            "latency_ms": now_ms - command["produced_at"],
        }

    def _commit(self) -> None:
        if self._producer.flush(FLUSH_S):
            raise RuntimeError("not every receipt was taken")
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].name() != "_NO_OFFSET":
                raise


async def by_httpx(asked: argparse.Namespace) -> None:
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with httpx.AsyncClient(headers=HEADERS, limits=limits, timeout=TIMEOUT_S) as client:

        async def post(url: str, body: Any) -> int:
            return (await client.post(url, json=body)).status_code

        await Loop(asked, post).run()


async def by_aiohttp(asked: argparse.Namespace) -> None:
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    timeout = aiohttp.ClientTimeout(TIMEOUT_S)
    async with aiohttp.ClientSession(
        connector=connector, headers=HEADERS, timeout=timeout
    ) as client:

        async def post(url: str, body: Any) -> int:
            async with client.post(url, json=body) as answer:
                await answer.read()
                return answer.status

        await Loop(asked, post).run()


CLIENTS = {"httpx": by_httpx, "aiohttp": by_aiohttp}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=CLIENTS)
    for name in ("bootstrap", "registry", "group", "reads", "writes", "url"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    uvloop.run(CLIENTS[asked.client](asked))


if __name__ == "__main__":
    main()
