"""The webhook receiver that one would write by hand: Starlette on uvicorn, HMAC over the raw body, JSON, fastavro,
and an idempotent producer whose delivery report is waited for before the answer.

It checks the signature and its time, bounds nothing, remembers nothing, and derives no ids.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import struct
import threading
import time
from datetime import datetime
from typing import Any

import fastavro
import uvicorn
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers import wire
from gridwire.records import SCHEMAS, Notice

TOPIC = "source.trading-grid.notices"
TOLERANCE_S = 300
POLL_S = 0.002
HEADER = struct.Struct(">bI")


def notice_schema() -> Any:
    """Without logical types: a datetime per timestamp costs."""
    schema = json.loads(SCHEMAS[Notice])
    for one in schema["fields"]:
        if isinstance(one["type"], dict):
            one["type"].pop("logicalType", None)
    return fastavro.parse_schema(schema)


class Receiver:
    """Verifies, maps, writes and waits."""

    def __init__(self, bootstrap: str, registry: str, secret: str) -> None:
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._schema = notice_schema()
        client = SchemaRegistryClient({"url": registry})
        schema_id = client.register_schema(f"{TOPIC}-value", Schema(SCHEMAS[Notice], "AVRO"))
        self._head = HEADER.pack(0, schema_id)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
            }
        )
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, daemon=True)
        self._poller.start()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_S)

    def stop(self) -> None:
        self._stopping.set()
        self._poller.join()
        self._producer.flush(10)

    async def webhook(self, request: Request) -> Response:
        raw = await request.body()
        if not self._verified(request, raw):
            return Response(status_code=401)
        try:
            record = self._record(request.headers["webhook-id"], json.loads(raw))
        except (KeyError, ValueError):
            return Response(status_code=400)
        await self._write(record["key"], wire.encode(self._head, self._schema, record))
        return Response(status_code=200)

    def _verified(self, request: Request, raw: bytes) -> bool:
        headers = request.headers
        stamp = headers["webhook-timestamp"]
        if abs(time.time() - int(stamp)) > TOLERANCE_S:
            return False
        signed = f"{headers['webhook-id']}.{stamp}.".encode() + raw
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode()
        given = headers["webhook-signature"].split(" ")
        return any(hmac.compare_digest(one, expected) for one in given)

    @staticmethod
    def _record(webhook_id: str, event: Any) -> dict[str, Any]:
        data = event["data"]
        at = datetime.fromisoformat(event["timestamp"])
        return {
            "event_id": webhook_id,
            "occurred_at": int(at.timestamp() * 1_000),
            "produced_at": int(time.time() * 1_000),
            "source": "peer/webhooks",
            "version": data["version"],
            "trace_id": hashlib.blake2b(webhook_id.encode(), digest_size=16).hexdigest(),
            "platform": "trading-grid",
            "resource": event["type"].partition(".")[0],
            "resource_id": data["id"],
            "key": data["id"],
            "event_type": event["type"],
            "detail": {
                "sequence": str(event["sequence"]),
                "status": data["status"],
                "previous_status": data["previous_status"],
                "actor_type": data["actor"]["type"],
                "actor_id": data["actor"]["id"],
                "changed": ",".join(data["changed"]),
                "partner_id": data["partner_id"],
            },
        }

    async def _write(self, key: str, value: bytes) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def reported(error: Any, _message: Any) -> None:
            loop.call_soon_threadsafe(_resolve, future, error)

        self._producer.produce(TOPIC, value, key, on_delivery=reported)
        await future


def _resolve(future: "asyncio.Future[None]", error: Any) -> None:
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(RuntimeError(str(error)))


async def ready(_request: Request) -> Response:
    """It serves."""
    return Response()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "registry", "secret", "path"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    receiver = Receiver(asked.bootstrap, asked.registry, asked.secret)
    routes = [Route(asked.path, receiver.webhook, methods=["POST"]), Route("/ready", ready)]
    try:
        uvicorn.run(
            Starlette(routes=routes),
            host="127.0.0.1",
            port=asked.port,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
        )
    finally:
        receiver.stop()


if __name__ == "__main__":
    main()
