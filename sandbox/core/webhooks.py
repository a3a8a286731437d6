"""Outgoing webhooks: queued, signed at each attempt, retried as a platform's contract says.

Retry schedules are the vendors' own (hours); `time_scale` shrinks them, so that a test sees the
whole schedule in seconds. Order is not promised: neither do the platforms.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.core.calls import readable
from sandbox.core.clock import Clock
from sandbox.core.poster import PostFailed, post

PENDING_MAX = 20_000
DELIVERIES_KEPT_MAX = 20_000
BYTES_KEPT_MAX = 64 * 1024 * 1024
CONCURRENCY_MAX = 8
TIMEOUT_S_DEFAULT = 15.0
TIME_SCALE_DEFAULT = 0.0005
RETRY_DELAY_S_MAX_DEFAULT = 5.0

Sign = Callable[[float], Mapping[str, str]]
"""Headers for one attempt, from the attempt's time in epoch seconds."""


class WebhookQueueFull(Exception):
    """More than PENDING_MAX deliveries are under way."""


def standard_webhook_headers(
    secret: str | Sequence[str], webhook_id: str, timestamp_s: float, body: bytes
) -> dict[str, str]:
    """Standard Webhooks 1.0.0 headers; several secrets (rotation) give several signatures.

    A secret is `whsec_<base64>` or bare base64. Raises ValueError when it is not base64.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    stamp = str(int(timestamp_s))
    signed = f"{webhook_id}.{stamp}.".encode() + body
    signatures = []
    for one in secrets:
        key = base64.b64decode(one.removeprefix("whsec_"), validate=True)
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        signatures.append("v1," + base64.b64encode(digest).decode())
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def is_2xx(status: int) -> bool:
    return 200 <= status < 300


def never(_status: int) -> bool:
    return False


@dataclass(slots=True)
class Delivery:
    """One delivery. `state`: pending, delivered, refused (not to be retried), exhausted,
    cancelled.
    """

    id: int
    url: str
    body: bytes
    sign: Sign
    retry_schedule_s: tuple[float, ...]
    accept: Callable[[int], bool]
    give_up: Callable[[int], bool]
    on_finish: Callable[[Delivery], None] | None
    about: dict[str, Any]
    state: str = "pending"
    headers: dict[str, str] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "state": self.state,
            "about": self.about,
            "headers": self.headers,
            "body": readable(self.body),
            "attempts": list(self.attempts),
        }


class WebhookSender:
    """Delivers with at most CONCURRENCY_MAX connections at a time per platform."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots = asyncio.Semaphore(CONCURRENCY_MAX)
        self._tasks: dict[int, tuple[Delivery, asyncio.Task[None]]] = {}
        self._log: deque[Delivery] = deque()
        self._log_bytes = 0
        self._last_id = 0
        self.time_scale = TIME_SCALE_DEFAULT
        self.retry_delay_s_max = RETRY_DELAY_S_MAX_DEFAULT
        self.timeout_s = TIMEOUT_S_DEFAULT

    def deliver(
        self,
        destination_url: str,
        body: bytes,
        headers: Mapping[str, str] | Sign,
        *,
        retry_schedule_s: tuple[float, ...] = (),
        accept: Callable[[int], bool] = is_2xx,
        give_up: Callable[[int], bool] = never,
        on_finish: Callable[[Delivery], None] | None = None,
        about: dict[str, Any] | None = None,
    ) -> Delivery:
        """Queue a delivery and return at once; needs a running event loop.

        `retry_schedule_s`: waits before the 2nd, 3rd, … attempt, unscaled. `accept`: statuses
        that end it well; `give_up`: statuses that end it at once. Raises WebhookQueueFull.
        """
        if len(self._tasks) >= PENDING_MAX:
            raise WebhookQueueFull(f"{PENDING_MAX} deliveries are under way; is anyone listening?")
        self._last_id += 1
        sign = headers if callable(headers) else _fixed(headers)
        delivery = Delivery(
            id=self._last_id,
            url=destination_url,
            body=body,
            sign=sign,
            retry_schedule_s=retry_schedule_s,
            accept=accept,
            give_up=give_up,
            on_finish=on_finish,
            about=about or {},
        )
        self._keep(delivery)
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._tasks[delivery.id] = (delivery, task)
        task.add_done_callback(lambda _task: self._tasks.pop(delivery.id, None))
        return delivery

    def _keep(self, delivery: Delivery) -> None:
        """Log it; the oldest fall out, finished or not, when there are too many or too large."""
        self._log.append(delivery)
        self._log_bytes += len(delivery.body)
        while len(self._log) > DELIVERIES_KEPT_MAX or self._log_bytes > BYTES_KEPT_MAX:
            self._log_bytes -= len(self._log.popleft().body)

    async def _run(self, delivery: Delivery) -> None:
        for wait_s in (0.0, *delivery.retry_schedule_s):
            await asyncio.sleep(min(wait_s * self.time_scale, self.retry_delay_s_max))
            async with self._slots:
                await self._attempt(delivery)
            if delivery.state != "pending":
                break
        else:
            delivery.state = "exhausted"
        if delivery.on_finish is not None:
            delivery.on_finish(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        at = self._clock.now_s()
        delivery.headers = dict(delivery.sign(at))
        status: int | None = None
        error: str | None = None
        try:
            answer = await post(delivery.url, delivery.headers, delivery.body, self.timeout_s)
            status = answer.status
        except PostFailed as failure:
            error = str(failure)
        delivery.attempts.append({"at": at, "status": status, "error": error})
        if status is not None and delivery.accept(status):
            delivery.state = "delivered"
        elif status is not None and delivery.give_up(status):
            delivery.state = "refused"

    def list(self, state: str | None = None) -> list[dict[str, Any]]:
        """The deliveries that the log still keeps, oldest first."""
        return [one.as_json() for one in self._log if state is None or one.state == state]

    def pending(self) -> int:
        return len(self._tasks)

    def cancel(self, which: Callable[[Delivery], bool]) -> int:
        """Give up the deliveries under way that `which` picks; answers how many."""
        picked = [(one, task) for one, task in self._tasks.values() if which(one)]
        for delivery, task in picked:
            delivery.state = "cancelled"
            task.cancel()
        return len(picked)

    def clear(self) -> None:
        """Give up what is under way, forget all deliveries, default pace again."""
        self.cancel(lambda _delivery: True)
        self._log.clear()
        self._log_bytes = 0
        self.time_scale = TIME_SCALE_DEFAULT
        self.retry_delay_s_max = RETRY_DELAY_S_MAX_DEFAULT
        self.timeout_s = TIMEOUT_S_DEFAULT


def _fixed(headers: Mapping[str, str]) -> Sign:
    kept = dict(headers)
    return lambda _at_s: kept
