"""The webhook gateway: every route of every source behind one ASGI app. It answers 2xx only once Kafka has
acknowledged (acks=all) everything that a delivery became.

    401  forged, missing or stale proof of who sends: counted, nothing produced
    408  the body comes too slowly
    413  body too large, announced or not
    400  authenticated, but unreadable: the reason; the bytes are kept in dead-letter.sources
    503  overload, or Kafka or the schema registry away: with Retry-After; senders come back
    200  taken, or taken before: a redelivery (same id, same bytes) is answered without producing again

What a delivery says of its content type does not count: the route says what the body is, and a body that is something
else is unreadable, so it is kept. A header that comes twice counts as one whose values stand behind one another
(RFC 9110, 5.3): a proof given twice is none.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import BaseRoute, Router
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from connectors.kit.base.clock import Clock
from connectors.kit.connector import Delivery, Intake, MalformedError, Route, Source
from connectors.kit.output.letters import letters_of_raw
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.signatures import Signed, in_url
from connectors.kit.webhooks.acks import AckedProducer, UnavailableError
from connectors.kit.webhooks.bodies import Bodies, BodyError
from gridwire import metrics, tracing
from gridwire.codec import CodecError, RegistryUnavailableError
from gridwire.dead_letters import Why, count
from gridwire.records import Record
from gridwire.topics import DEAD_LETTER_SOURCES, Topic

RETRY_AFTER_S = 5
FORM_FIELDS_MAX = 1_000
REMEMBERED_MAX = 100_000  # deliveries that were answered, so that a redelivery is known
log = logging.getLogger(__name__)


class Recent:
    """The last REMEMBERED_MAX keys."""

    def __init__(self, size_max: int = REMEMBERED_MAX) -> None:
        self._keys: OrderedDict[Any, None] = OrderedDict()
        self._size_max = size_max

    def __contains__(self, key: Any) -> bool:
        return key in self._keys

    def add(self, key: Any) -> None:
        self._keys[key] = None
        if len(self._keys) > self._size_max:
            self._keys.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """`outcome` is the metric label; `error` the text for the sender."""

    status: int
    outcome: str
    error: str = ""
    close: bool = False


OUTCOMES = (
    "accepted",
    "duplicate",
    "validated",
    "refused",
    "oversize",
    "malformed",
    "overloaded",
    "unavailable",
    "aborted",
    "fault",
)
ACCEPTED = Answer(200, "accepted")
DUPLICATE = Answer(200, "duplicate")
VALIDATED = Answer(200, "validated")


class RefusedError(Exception):
    """The delivery is answered with something else than 2xx."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all endpoints share."""

    messages: Messages
    writer: AckedProducer
    bodies: Bodies
    clock: Clock


class Endpoint:
    """One route as an ASGI app."""

    def __init__(self, platform: str, route: Route, wiring: Wiring) -> None:
        self._platform = platform
        self._route = route
        self._messages = wiring.messages
        self._writer = wiring.writer
        self._bodies = wiring.bodies
        self._clock = wiring.clock
        self._source = f"{platform}/{route.name}"
        self._counted = {
            outcome: metrics.WEBHOOKS.labels(platform, route.name, outcome) for outcome in OUTCOMES
        }
        self._answered = Recent()
        self._kept = Recent()
        self._duration = metrics.WEBHOOK_DURATION.labels(platform, route.name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        try:
            answer = await self._take(scope, receive)
        except RefusedError as error:
            answer = error.answer
        except BodyError as error:
            answer = Answer(error.status, error.outcome, str(error), close=True)
        except (UnavailableError, RegistryUnavailableError) as error:
            answer = Answer(503, "unavailable", str(error))
        except Exception:
            log.exception("delivery failed", extra={"route": self._source})
            answer = Answer(500, "fault", "internal fault")
        self._counted[answer.outcome].inc()
        self._duration.observe(time.perf_counter() - begun)
        if answer.status:
            await _send(answer, send)

    async def _take(self, scope: Scope, receive: Receive) -> Answer:
        headers = _headers(scope["headers"])
        if scope["method"] != "POST":
            return self._validated(scope, headers)
        with self._bodies.place(headers, self._route.body_bytes_max) as place:
            raw = await place.read(receive)
            return await self._receive(scope, headers, raw)

    async def _receive(self, scope: Scope, headers: dict[str, str], raw: bytes) -> Answer:
        query = _query(scope["query_string"])
        signed = Signed(headers, query, scope["path_params"], raw, self._clock.epoch_s())
        delivery_id = self._verified(signed)
        known = None if delivery_id is None else (delivery_id, hash(raw))
        if known is not None and known in self._answered:
            return DUPLICATE
        try:
            delivery = Delivery(
                path=scope["path"],
                headers=headers,
                query=query,
                body=self._decoded(raw),
                raw=raw,
                received_ms=int(signed.now_s * 1_000),
            )
            intake = self._read(delivery)
        except MalformedError as error:
            return await self._malformed(raw, str(error))
        await self._produce(intake, raw, delivery.received_ms)
        if known is not None:
            self._answered.add(known)
        return ACCEPTED

    # ---- steps ---------------------------------------------------------------------------------------------------
    def _validated(self, scope: Scope, headers: dict[str, str]) -> Answer:
        """The platform looks whether the URL is there: GET or HEAD, without body or signature. Raises RefusedError."""
        query = _query(scope["query_string"])
        signed = Signed(headers, query, scope["path_params"], b"", self._clock.epoch_s())
        for scheme in self._route.verify:
            if in_url(scheme):
                self._agreed(scheme, signed)
        return VALIDATED

    def _verified(self, signed: Signed) -> str | None:
        """The sender's id of this delivery. Raises RefusedError where any scheme does not agree."""
        delivery_id = None
        for scheme in self._route.verify:
            self._agreed(scheme, signed)
            delivery_id = delivery_id or scheme.delivery_id(signed)
        return delivery_id

    def _agreed(self, scheme: Any, signed: Signed) -> None:
        reason = scheme.verify(signed)
        if reason is not None:
            self._count_refusal(reason)
            raise RefusedError(Answer(401, "refused", reason))

    def _count_refusal(self, reason: str) -> None:
        label = metrics.reason_label(reason)
        metrics.WEBHOOKS_REFUSED.labels(self._platform, self._route.name, label).inc()
        log.warning("delivery refused", extra={"route": self._source, "reason": reason})

    def _decoded(self, raw: bytes) -> Any:
        """The body as JSON or form. Raises MalformedError."""
        if self._route.content == "form":
            try:
                pairs = parse_qsl(
                    raw.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX
                )
            except ValueError as error:  # UnicodeDecodeError is one
                raise MalformedError(
                    f"body: not a form of at most {FORM_FIELDS_MAX} fields"
                ) from error
            return dict(pairs)
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            place = str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8"
            raise MalformedError(f"body: {place}") from error
        except RecursionError as error:
            raise MalformedError("body: JSON is nested too deeply") from error

    def _read(self, delivery: Delivery) -> Intake:
        """What the connector makes of it. A fault of ours must not lose the bytes: they count as malformed."""
        try:
            return self._route.read(delivery)
        except MalformedError:
            raise
        except Exception as error:
            log.exception("delivery not understood", extra={"route": self._source})
            raise MalformedError(f"not understood: {type(error).__name__}") from error

    async def _malformed(self, raw: bytes, reason: str) -> Answer:
        """Kept as a dead letter, once: senders redeliver what is not answered 2xx."""
        digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
        if digest not in self._kept:
            why = Why("malformed delivery", self._source, detail=reason)
            await self._writer.write(letters_of_raw(why, digest, raw))
            self._kept.add(digest)
            count(DEAD_LETTER_SOURCES, why)
        log.warning("delivery malformed", extra={"route": self._source, "reason": reason})
        return Answer(400, "malformed", reason)

    async def _produce(self, intake: Intake, raw: bytes, received_ms: int) -> None:
        seed = hashlib.blake2b(raw, digest_size=16).hexdigest()
        outputs: list[Output] = []
        taken: list[tuple[Topic[Any], Record]] = []
        letters = [
            (part, Why("part of a delivery cannot be read", self._source, detail=reason))
            for part, reason in intake.broken
        ]
        for number, (topic, record) in enumerate(intake.records):
            stamped = self._messages.stamped(record, source=self._source, seed=seed, number=number)
            try:
                outputs.append(await self._messages.write(topic, stamped, traced=False))
                taken.append((topic, stamped))
            except CodecError as error:
                why = Why(error.reason, self._source, detail=str(error), error=error)
                letters.append((msgspec.json.encode(stamped), why))
        for part, why in letters:
            outputs += letters_of_raw(why, seed, part)
        await self._writer.write(outputs)
        self._count(intake, [why for _, why in letters])
        if tracing.on is not None:
            self._trace(tracing.on, taken, received_ms)

    def _trace(
        self, spans: tracing.Spans, taken: Iterable[tuple[Topic[Any], Record]], received_ms: int
    ) -> None:
        """From the delivery to Kafka's acknowledgement, for each record that it became."""
        for topic, record in taken:
            attributes = {
                "gridwire.platform": self._platform,
                "http.route": self._route.path,
                "messaging.system": "kafka",
                "messaging.destination.name": topic.name,
            }
            name = f"webhook {self._route.name}"
            spans.record(record, name, "server", attributes, start_ns=received_ms * 1_000_000)

    def _count(self, intake: Intake, letters: Iterable[Why]) -> None:
        for topic, _ in intake.records:
            metrics.RECORDS_PRODUCED.labels(topic.name).inc()
        for event_type, number in intake.unknown.items():
            label = metrics.event_type_label(event_type)
            metrics.UNKNOWN_EVENT_TYPES.labels(self._platform, label).inc(number)
        for reason, number in intake.filtered.items():
            label = metrics.reason_label(reason)
            metrics.SOURCE_EVENTS_FILTERED.labels(self._platform, label).inc(number)
        for why in letters:
            count(DEAD_LETTER_SOURCES, why)


def _headers(pairs: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names and their values; values of one name behind one another."""
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in pairs}
    if len(headers) == len(pairs):
        return headers
    joined: dict[str, list[str]] = {}
    for name, value in pairs:
        joined.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {name: ", ".join(values) for name, values in joined.items()}


def _query(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True)) if raw else {}


EMPTY_OK: Any = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"0")],
}
NO_BODY: Any = {"type": "http.response.body", "body": b""}


async def _send(answer: Answer, send: Send) -> None:
    if answer.status == 200:
        await send(EMPTY_OK)
        await send(NO_BODY)
        return
    body = msgspec.json.encode({"error": answer.error})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if answer.status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if answer.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def check_routes(sources: Sequence[Source]) -> None:
    """Raises ValueError where two routes share a path, or one is open to everybody."""
    paths: set[str] = set()
    for route in (route for source in sources for route in source.routes):
        if route.path in paths:
            raise ValueError(f"two webhook routes share the path {route.path}")
        if not route.verify:
            raise ValueError(f"webhook route {route.path} verifies nothing: give it a scheme")
        paths.add(route.path)


def gateway_app(sources: Sequence[Source], wiring: Wiring) -> Router:
    """All routes of all sources. A bare router: endpoints answer for their own faults."""
    routes: list[BaseRoute] = []
    for source in sources:
        for route in source.routes:
            endpoint = Endpoint(source.platform.name, route, wiring)
            methods = ["POST", "GET"] if route.answers_get else ["POST"]  # with GET comes HEAD
            routes.append(HttpRoute(route.path, endpoint, methods=methods))
    return Router(routes)
