"""What senders do besides posting signed JSON: forms, looks at the URL by GET, headers given twice, wrong types."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client import REGISTRY

from connectors.kit.connector import Delivery, Intake, Route, Source
from connectors.kit.output.messages import Messages
from connectors.kit.signatures import BearerToken, SecretPath, TimedHmac
from connectors.kit.webhooks.bodies import Bodies
from connectors.kit.webhooks.gateway import FORM_FIELDS_MAX, Wiring, gateway_app
from gridwire.settings import Secret
from gridwire.topics import TRADING_GRID_NOTICES
from tests.unit.connectors.kit.clocks import EPOCH_S, FakeTime
from tests.unit.connectors.kit.platforms import platform
from tests.unit.connectors.kit.registry import Avro
from tests.unit.connectors.kit.test_gateway import FakeWriter, World, _notice, read

HEADER = "x-mailchimp-signature"
SIGNING = Secret("signing-secret")
BODY = urlencode({"type": "subscribe", "data[id]": "c-1", "data[merges][FNAME]": "Ann"}).encode()


def read_form(delivery: Delivery) -> Intake:
    found = _notice(delivery.body["data[id]"], delivery.received_ms)
    return Intake(((TRADING_GRID_NOTICES, found),))


class Audience:
    """A route as Mailchimp needs it: a secret in the path, signed forms, a look at the URL by GET."""

    def __init__(self) -> None:
        self.time, self.avro, self.writer = FakeTime(), Avro(), FakeWriter()
        verify = (SecretPath("key", (Secret("in-path"),)), TimedHmac(HEADER, (SIGNING,)))
        bearer = (BearerToken((Secret("right"),)),)
        routes = (
            Route("audience", "/hooks/{key}", verify, read_form, 10_000, "form", answers_get=True),
            Route("plain", "/plain", bearer, read),
        )
        messages = Messages(self.avro.codec, self.time.clock)
        wiring = Wiring(messages, self.writer, Bodies(100_000, 10), self.time.clock)
        transport = httpx.ASGITransport(gateway_app([Source(platform(), routes)], wiring))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gateway")

    async def post(
        self, raw: bytes, key: str = "in-path", content_type: str = ""
    ) -> httpx.Response:
        at = str(int(EPOCH_S))
        mac = hmac.new(SIGNING.reveal().encode(), f"{at}.".encode() + raw, hashlib.sha256)
        headers = {HEADER: f"t={at},v1={mac.hexdigest()}"}
        headers |= {"content-type": content_type} if content_type else {}
        return await self.client.post(f"/hooks/{key}", content=raw, headers=headers)

    def ids(self) -> list[str]:
        written = [one for one in self.writer.written if one.topic == TRADING_GRID_NOTICES.name]
        return [self.avro.decoded(one.topic, one.value).resource_id for one in written]


def outcomes(route: str, outcome: str) -> float:
    labels = {"platform": "acme", "route": route, "outcome": outcome}
    return REGISTRY.get_sample_value("gridwire_webhooks_total", labels) or 0.0


async def test_a_signed_form_is_read_with_its_names_in_brackets() -> None:
    audience = Audience()
    form = "application/x-www-form-urlencoded; charset=utf-8"
    assert (await audience.post(BODY, content_type=form)).status_code == 200
    assert audience.ids() == ["c-1"]


async def test_a_form_needs_its_signature_and_its_path() -> None:
    audience = Audience()
    assert (await audience.post(BODY, key="guess")).status_code == 401
    answer = await audience.client.post("/hooks/in-path", content=BODY)
    assert (answer.status_code, answer.json()) == (401, {"error": "no signature"})
    assert audience.ids() == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_look_at_the_url_is_answered_200_where_its_secret_is_right(method: str) -> None:
    audience, before = Audience(), outcomes("audience", "validated")
    assert (await audience.client.request(method, "/hooks/in-path")).status_code == 200
    assert (await audience.client.request(method, "/hooks/guess")).status_code == 401
    assert outcomes("audience", "validated") == before + 1
    assert audience.writer.written == []


async def test_a_route_without_such_looks_answers_posts_alone() -> None:
    assert (await Audience().client.get("/plain")).status_code == 405


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_json_is_json_whatever_its_content_type_says(content_type: str) -> None:
    audience = Audience()
    headers = {"authorization": "Bearer right"}
    headers |= {"content-type": content_type} if content_type else {}
    answer = await audience.client.post("/plain", content=b'{"ids":["t-1"]}', headers=headers)
    assert answer.status_code == 200
    assert audience.ids() == ["t-1"]


async def test_a_form_where_json_must_be_is_answered_400_and_kept_and_so_is_json_in_a_form() -> (
    None
):
    audience = Audience()
    headers = {"authorization": "Bearer right", "content-type": "application/json"}
    assert (await audience.client.post("/plain", content=BODY, headers=headers)).status_code == 400
    assert (await audience.post(b'{"a":1}')).status_code == 400
    assert [one.value for one in audience.writer.written] == [BODY, b'{"a":1}']


async def test_a_form_of_too_many_fields_is_unreadable() -> None:
    audience, fields = Audience(), BODY.count(b"&") + 1
    most = BODY + b"&a" * (FORM_FIELDS_MAX - fields)
    assert (await audience.post(most)).status_code == 200
    answer = await audience.post(most + b"&a")
    assert (answer.status_code, audience.ids()) == (400, ["c-1"])
    assert answer.json() == {"error": f"body: not a form of at most {FORM_FIELDS_MAX} fields"}


@pytest.mark.parametrize("second", ["Bearer right", "Bearer wrong", ""])
async def test_a_proof_that_is_given_twice_is_none(second: str) -> None:
    audience = Audience()
    headers = [("authorization", "Bearer right"), ("authorization", second)]
    answer = await audience.client.post("/plain", content=b'{"ids":["t-1"]}', headers=headers)
    assert answer.status_code == 401
    headers.reverse()
    answer = await audience.client.post("/plain", content=b'{"ids":["t-1"]}', headers=headers)
    assert answer.status_code == 401
    assert audience.writer.written == []


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
async def test_signed_headers_that_come_twice_are_not_what_was_signed(name: str) -> None:
    world = World()
    original = world.client.post

    async def doubled(url: str, *, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        twice = [*headers.items(), (name, headers[name])]
        return await original(url, content=content, headers=twice)

    world.client.post = doubled  # type: ignore[method-assign, assignment]
    assert (await world.post({"ids": ["t-1"]})).status_code == 401
    assert world.writer.written == []
