"""The webhook gateway without sockets or Kafka: every kind of delivery and its answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY

from connectors.kit.connector import Delivery, Intake, MalformedError, Route, Source
from connectors.kit.output.messages import Messages
from connectors.kit.output.output import Output
from connectors.kit.signatures import SecretHeader, SecretPath, StandardWebhooks, whsec_key
from connectors.kit.webhooks.acks import AckedProducer, UnavailableError
from connectors.kit.webhooks.bodies import Bodies
from connectors.kit.webhooks.gateway import Recent, Wiring, check_routes, gateway_app
from gridwire import dead_letters
from gridwire.records import Notice
from gridwire.settings import Secret
from gridwire.topics import TRADING_GRID_NOTICES
from sandbox.core.webhooks import standard_webhook_headers
from tests.unit.connectors.kit.clocks import EPOCH_S, FakeTime
from tests.unit.connectors.kit.platforms import platform
from tests.unit.connectors.kit.registry import Avro

SECRET = "whsec_" + "QUJDRA" * 8
OTHER_SECRET = "whsec_" + "REVGRw" * 8
BODY_BYTES_MAX = 1_000
Body = Mapping[str, Any]


def read(delivery: Delivery) -> Intake:
    """One notice per item of the list `ids`."""
    ids = delivery.body.get("ids") if isinstance(delivery.body, dict) else None
    if ids == "crash":
        raise KeyError("secret value")
    if not isinstance(ids, list):
        raise MalformedError("body.ids: not a list")
    notices = tuple(
        (TRADING_GRID_NOTICES, _notice(one, delivery.received_ms))
        for one in ids
        if isinstance(one, str) and one not in ("odd", "own")
    )
    broken = tuple(
        (msgspec.json.encode(one), "ids: no text") for one in ids if isinstance(one, int)
    )
    unknown = {"odd.happened": ids.count("odd")} if "odd" in ids else {}
    return Intake(notices, unknown, {"own write": 1} if "own" in ids else {}, broken)


def _notice(resource_id: str, received_ms: int) -> Notice:
    return Notice(
        occurred_at=received_ms,
        platform="acme",
        resource="thread",
        resource_id=resource_id,
        key=resource_id,
        event_type="thread.updated",
    )


class FakeWriter(AckedProducer):
    """Keeps what is written, or refuses."""

    def __init__(self) -> None:
        self.written: list[Output] = []
        self.refusal: UnavailableError | None = None
        self.hold: asyncio.Event | None = None

    async def write(self, outputs: Sequence[Output]) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal is not None:
            raise self.refusal
        self.written += outputs


class World:
    """The gateway's app with everything around it."""

    def __init__(self, *, bytes_max: int = 100_000, requests_max: int = 100) -> None:
        self.time = FakeTime()
        self.avro = Avro()
        self.writer = FakeWriter()
        self.bodies = Bodies(bytes_max, requests_max)
        messages = Messages(self.avro.codec, self.time.clock)
        wiring = Wiring(messages, self.writer, self.bodies, self.time.clock)
        self.app = gateway_app([source()], wiring)
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def post(
        self, body: Any, *, secret: str = SECRET, delivery_id: str = "msg_1", age_s: float = 0.0
    ) -> httpx.Response:
        """A delivery signed as Trading Grid signs it."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        at_s = EPOCH_S + self.time.passed_s - age_s
        headers = standard_webhook_headers(secret, delivery_id, at_s, raw)
        return await self.client.post("/acme/hooks", content=raw, headers=headers)

    def notices(self) -> list[Notice]:
        return [
            self.avro.decoded(one.topic, one.value)
            for one in self.writer.written
            if one.topic == TRADING_GRID_NOTICES.name
        ]

    def letters(self) -> list[Output]:
        return [one for one in self.writer.written if one.topic == "dead-letter.sources"]


def source() -> Source:
    verify = (StandardWebhooks((whsec_key(Secret(SECRET)),)),)
    plain = (SecretHeader("x-hook", (Secret("s3cret"),)),)
    in_path = (SecretPath("key", (Secret("s3cret"),)),)
    routes = (
        Route("hooks", "/acme/hooks", verify, read, BODY_BYTES_MAX),
        Route("plain", "/acme/plain", plain, read, BODY_BYTES_MAX),
        Route("form", "/acme/{key}/form", in_path, _read_form, BODY_BYTES_MAX, "form"),
    )
    return Source(platform(), routes)


def _read_form(delivery: Delivery) -> Intake:
    return Intake(((TRADING_GRID_NOTICES, _notice(delivery.body["id"], delivery.received_ms)),))


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def webhooks(outcome: str, route: str = "hooks") -> float:
    return counted("gridwire_webhooks_total", platform="acme", route=route, outcome=outcome)


# ---- accepted ----------------------------------------------------------------------------------------------------
async def test_a_signed_delivery_is_answered_200_and_its_records_are_written_and_stamped() -> None:
    world, before = World(), webhooks("accepted")
    answer = await world.post({"ids": ["t-1", "t-2"]})
    assert (answer.status_code, answer.content) == (200, b"")
    first, second = world.notices()
    assert (first.resource_id, second.resource_id) == ("t-1", "t-2")
    assert (first.source, first.produced_at) == ("acme/hooks", int(EPOCH_S * 1_000))
    assert first.event_id != second.event_id
    assert len(first.trace_id) == 32
    assert webhooks("accepted") == before + 1


async def test_the_same_bytes_give_the_same_ids_in_any_process() -> None:
    ids = []
    for _ in range(2):
        world = World()
        await world.post({"ids": ["t-1"]}, delivery_id="msg_9")
        ids += [notice.event_id for notice in world.notices()]
    assert ids[0] == ids[1]


async def test_a_delivery_that_was_acknowledged_is_answered_200_and_not_written_again() -> None:
    world, before = World(), webhooks("duplicate")
    await world.post({"ids": ["t-1"]}, age_s=30)
    answer = await world.post({"ids": ["t-1"]})
    assert answer.status_code == 200
    assert len(world.notices()) == 1
    assert webhooks("duplicate") == before + 1


async def test_a_delivery_that_was_not_acknowledged_is_taken_when_it_comes_again() -> None:
    world = World()
    world.writer.refusal = UnavailableError("Kafka does not answer")
    assert (await world.post({"ids": ["t-1"]})).status_code == 503
    world.writer.refusal = None
    assert (await world.post({"ids": ["t-1"]})).status_code == 200
    assert len(world.notices()) == 1


async def test_unknown_event_types_are_accepted_and_counted() -> None:
    labels = {"platform": "acme", "event_type": "odd.happened"}
    before = counted("gridwire_unknown_event_types_total", **labels)
    world = World()
    assert (await world.post({"ids": ["odd", "t-1", "odd"]})).status_code == 200
    assert len(world.notices()) == 1
    assert counted("gridwire_unknown_event_types_total", **labels) == before + 2


async def test_events_that_end_here_on_purpose_are_counted_by_reason() -> None:
    labels = {"platform": "acme", "reason": "own write"}
    before = counted("gridwire_source_events_filtered_total", **labels)
    await World().post({"ids": ["own"]})
    assert counted("gridwire_source_events_filtered_total", **labels) == before + 1


async def test_a_broken_part_of_a_batch_is_kept_while_the_rest_is_written() -> None:
    world = World()
    assert (await world.post({"ids": ["t-1", 7, "t-2"]})).status_code == 200
    assert [notice.resource_id for notice in world.notices()] == ["t-1", "t-2"]
    (letter,) = world.letters()
    assert letter.value == b"7"
    assert dict(letter.headers)[dead_letters.EXCEPTION_MESSAGE] == b"ids: no text"


async def test_a_record_that_kafka_could_never_take_is_kept_while_the_rest_is_written() -> None:
    world = World()
    raw = msgspec.json.encode({"ids": ["t-1", "x" * 990_000]})
    headers = {"x-hook": "s3cret"}
    big = Route("big", "/acme/big", (SecretHeader("x-hook", (Secret("s3cret"),)),), read)
    messages = Messages(world.avro.codec, world.time.clock)
    wiring = Wiring(messages, world.writer, Bodies(10_000_000, 10), world.time.clock)
    transport = httpx.ASGITransport(gateway_app([Source(platform(), (big,))], wiring))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.post("/acme/big", content=raw, headers=headers)
    assert answer.status_code == 200
    assert [notice.resource_id for notice in world.notices()] == ["t-1"]
    letters = world.letters()
    assert dict(letters[0].headers)[dead_letters.REASON] == b"record too large"
    assert [dict(one.headers)[dead_letters.PART] for one in letters] == [b"1/3", b"2/3", b"3/3"]


async def test_a_form_with_its_secret_in_the_path_is_read() -> None:
    world = World()
    answer = await world.client.post("/acme/s3cret/form", data={"id": "t-5", "note": "ü"})
    assert answer.status_code == 200
    assert [notice.resource_id for notice in world.notices()] == ["t-5"]


# ---- refused -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (lambda w: w.post({"ids": ["t"]}, secret=OTHER_SECRET), "signature does not match"),
        (lambda w: w.post({"ids": ["t"]}, age_s=301), "stale timestamp"),
        (lambda w: w.post({"ids": ["t"]}, age_s=-301), "timestamp in the future"),
        (lambda w: w.client.post("/acme/hooks", json={"ids": ["t"]}), "no signature"),
    ],
)
async def test_forged_stale_and_unsigned_deliveries_get_401_and_a_count_and_produce_nothing(
    send: Callable[[World], Any], reason: str
) -> None:
    labels = {"platform": "acme", "route": "hooks", "reason": reason}
    before = counted("gridwire_webhooks_refused_total", **labels)
    world = World()
    answer = await send(world)
    assert (answer.status_code, answer.json()) == (401, {"error": reason})
    assert world.writer.written == []
    assert counted("gridwire_webhooks_refused_total", **labels) == before + 1


async def test_a_captured_delivery_replayed_after_the_tolerance_gets_401() -> None:
    world = World()
    raw = msgspec.json.encode({"ids": ["t-1"]})
    headers = standard_webhook_headers(SECRET, "msg_1", EPOCH_S, raw)
    statuses = []
    for passed_s in (0.0, 299.0, 301.0):
        world.time.passed_s = passed_s
        answer = await world.client.post("/acme/hooks", content=raw, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 401]
    assert len(world.notices()) == 1


async def test_a_body_over_the_bound_gets_413_announced_or_not() -> None:
    world, before = World(), webhooks("oversize", "plain")
    big = b'{"ids": ["' + b"x" * BODY_BYTES_MAX + b'"]}'

    async def chunks() -> AsyncIterator[bytes]:
        yield big[:600]
        yield big[600:]

    headers = {"x-hook": "s3cret"}
    for content in (big, chunks()):
        answer = await world.client.post("/acme/plain", content=content, headers=headers)
        assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert world.writer.written == []
    assert webhooks("oversize", "plain") == before + 2
    assert (world.bodies.bytes, world.bodies.requests) == (0, 0)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"ids": [', "body: Input data was truncated"),
        (b"\xff\xfe", "body:"),
        (b"", "body: Input data was truncated"),
        (b'{"ids": 5}', "body.ids: not a list"),
        (b'{"ids": "crash"}', "not understood: KeyError"),
        (b"[" * 900, "body:"),
    ],
)
async def test_an_unreadable_delivery_gets_400_with_the_reason_and_is_kept(
    raw: bytes, reason: str
) -> None:
    world = World()
    answer = await world.post(raw)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]
    (letter,) = world.letters()
    headers = dict(letter.headers)
    assert letter.value == raw
    assert headers[dead_letters.REASON] == b"malformed delivery"
    assert headers[dead_letters.FLOW] == b"acme/hooks"
    assert b"secret value" not in b"".join(value or b"" for value in headers.values())


async def test_an_unreadable_delivery_that_comes_again_is_kept_once() -> None:
    world = World()
    for attempt in range(3):
        assert (await world.post(b"{", age_s=attempt)).status_code == 400
    assert len(world.letters()) == 1


async def test_an_unreadable_delivery_of_a_stranger_is_not_kept() -> None:
    world = World()
    assert (await world.post(b"{", secret=OTHER_SECRET)).status_code == 401
    assert world.writer.written == []


async def test_an_unreadable_delivery_is_not_answered_400_before_it_is_kept() -> None:
    world = World()
    world.writer.refusal = UnavailableError("Kafka does not answer")
    assert (await world.post(b"{")).status_code == 503
    world.writer.refusal = None
    assert (await world.post(b"{")).status_code == 400
    assert len(world.letters()) == 1


# ---- unavailable -------------------------------------------------------------------------------------------------
async def test_while_kafka_is_away_deliveries_get_503_and_when_to_come_back() -> None:
    world, before = World(), webhooks("unavailable")
    world.writer.refusal = UnavailableError("Kafka does not answer")
    answer = await world.post({"ids": ["t-1"]})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert webhooks("unavailable") == before + 1


async def test_while_the_registry_is_away_deliveries_get_503() -> None:
    world = World()
    world.avro.registry.away = True
    assert (await world.post({"ids": ["t-1"]})).status_code == 503
    world.avro.registry.away = False
    assert (await world.post({"ids": ["t-1"]})).status_code == 200


@pytest.mark.parametrize("bounds", [{"requests_max": 2}, {"bytes_max": 40}])
async def test_more_deliveries_under_way_than_allowed_get_503_and_room_comes_back(
    bounds: Mapping[str, int],
) -> None:
    world = World(**bounds)
    world.writer.hold = asyncio.Event()
    posts = [
        asyncio.create_task(world.post({"ids": [f"t-{n}"]}, delivery_id=f"msg_{n}"))
        for n in range(3)
    ]
    done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status_code for task in done] == [503]
    world.writer.hold.set()
    assert sorted(answer.status_code for answer in await asyncio.gather(*posts)) == [200, 200, 503]
    assert (world.bodies.bytes, world.bodies.requests) == (0, 0)


async def test_other_methods_and_paths_are_not_deliveries() -> None:
    world = World()
    assert (await world.client.get("/acme/hooks")).status_code == 405
    assert (await world.client.post("/acme/other")).status_code == 404


# ---- start -------------------------------------------------------------------------------------------------------
def test_a_route_that_verifies_nothing_or_shares_its_path_is_refused_at_start() -> None:
    open_route = Route("open", "/open", (), read)
    with pytest.raises(ValueError, match="verifies nothing"):
        check_routes([Source(platform(), (open_route,))])
    with pytest.raises(ValueError, match="share the path"):
        check_routes([source(), source()])


def test_the_memory_of_answered_deliveries_is_bounded() -> None:
    recent = Recent(size_max=3)
    for key in range(5):
        recent.add(key)
    assert [key in recent for key in range(5)] == [False, False, True, True, True]
