"""`python -m tests.chaos.proof.sink_process`: the real sinks role for the target, which dies where it is told.

Whatever kills it is wrapped around the clients here; the product's code is as it ships.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import uvloop

from connectors.kit import role
from connectors.kit.connector import Request, Response
from connectors.kit.http.client import HttpClient
from gridwire import kafka, logs
from gridwire.settings import KafkaSettings, load
from tests.chaos.proof.sink import World

PLAN = "PROOF_SINK"
FLUSH_S = 10.0
# Where it dies, seen from one command: its write is about to be sent; it has its effect and the answer does not come
# (the proof kills then); the answer is there and nothing is committed; all is produced; the commit is through.
Step = Literal["before send", "before answer", "before produce", "before commit", "after commit"]
STEPS: tuple[Step, ...] = (
    "before send",
    "before answer",
    "before produce",
    "before commit",
    "after commit",
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The target, and where the process dies: at `step` of the command `victim`. No victim: nowhere."""

    name: str
    url: str
    step: Step = "before send"
    victim: str = ""


def die() -> None:
    """kill -9, by our own hand."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying_client(plan: Plan) -> type[HttpClient]:
    """An HTTP client that dies around the victim's write."""
    quoted = f'"{plan.victim}"'.encode()

    class DyingClient(HttpClient):
        async def exchange(self, request: Request, headers: Mapping[str, str]) -> Response:
            written = request.json is not None and quoted in msgspec.json.encode(request.json)
            if written and plan.step == "before send":
                die()
            answer = await super().exchange(request, headers)
            if written and plan.step == "before produce":
                die()
            return answer

    return DyingClient


class DyingProducer:
    """A producer that dies around the commit of the victim's receipt."""

    def __init__(self, producer: Any, plan: Plan) -> None:
        self._producer, self._plan = producer, plan
        self._receipts = World(plan.name, plan.url).receipts.name
        self._holds_it = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def produce(self, topic: str, value: bytes | None, *arguments: Any, **more: Any) -> None:
        of_victim = topic == self._receipts and self._plan.victim.encode() in (value or b"")
        self._holds_it = self._holds_it or of_victim
        self._producer.produce(topic, value, *arguments, **more)

    def flush(self, *timeout_s: float) -> int:
        """At least once: outputs are written, and their offsets are committed next."""
        left = int(self._producer.flush(*timeout_s))
        if self._holds_it and self._plan.step == "before commit":
            die()
        return left

    def commit_transaction(self, *timeout_s: float) -> None:
        if self._holds_it and self._plan.step == "before commit":
            self._producer.flush(FLUSH_S)
            die()
        self._producer.commit_transaction(*timeout_s)
        if self._holds_it and self._plan.step == "after commit":
            die()
        self._holds_it = False


def _dying(make: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    def producer(*arguments: Any, **more: Any) -> Any:
        return DyingProducer(make(*arguments, **more), plan)

    return producer


async def _until_signal(plan: Plan) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await role.run_sinks(load(KafkaSettings), [World(plan.name, plan.url).sink()], stop)


def main() -> int:
    """Runs until SIGTERM, as `gridwire run sinks` does, or until it dies."""
    plan = msgspec.json.decode(os.environ[PLAN], type=Plan)
    if plan.victim:
        setattr(role, HttpClient.__name__, dying_client(plan))
        kafka.producer = _dying(kafka.producer, plan)
    logs.configure("sinks")
    uvloop.run(_until_signal(plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
