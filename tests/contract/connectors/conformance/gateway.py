"""What may come to a webhook route, and what the gateway must make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from gridwire.topics import DEAD_LETTER_SOURCES
from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.stage import SETTLED_S, Stage
from tests.contract.connectors.conformance.value import Hook, Signer, Signing
from tests.roles import Topics
from tests.waiting import until

TOLERANCE_S = 300
AT_ONCE = 8
MANY = 60
DEPTH = 20_000
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Post:
    """A delivery of event `n`, ready to be sent any number of times."""

    hook: Hook
    n: int
    raw: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class How:
    """How a delivery is made. `change` works on the body before it is signed, `tamper` on the bytes after it."""

    by: Signer = "current"
    age_s: float = 0.0
    change: Callable[[dict[str, Any]], Any] = field(default=lambda body: body)
    tamper: Callable[[bytes], bytes] = field(default=lambda raw: raw)


def made(stage: Stage, hook: Hook | None = None, how: How = How()) -> Post:
    hook = hook or stage.value.hooks[0]
    n = stage.number()
    body = how.change(hook.body(stage.world, n))
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    signing = Signing(how.by, time.time() - how.age_s, f"msg_conformance_{n}")
    headers = {**JSON, **hook.sign(raw, signing)}
    return Post(hook, n, how.tamper(raw), headers)


def sent(stage: Stage, post: Post) -> httpx.Response:
    return stage.post(post.hook.path, post.raw, post.headers)


def records(stage: Stage, post: Post) -> list[Any]:
    """What the gateway wrote of a delivery; all there is."""
    stage.tail.to_end()
    return [one for one in stage.tail.records(post.hook.topic) if post.hook.about(one, post.n)]


def taken(stage: Stage, post: Post) -> list[Any]:
    """Sends a delivery that must be answered 200, and gives its records: they are there at once."""
    answer = sent(stage, post)
    assert (answer.status_code, answer.content) == (200, b"")
    found = records(stage, post)
    assert found, "answered 200, so it is in Kafka"
    return found


# ---- proofs --------------------------------------------------------------------------------------
def every_route(stage: Stage) -> None:
    assert {hook.path for hook in stage.value.hooks} == {one.path for one in stage.source.routes}
    for hook in stage.value.hooks:
        (record,) = taken(stage, made(stage, hook))
        assert record.trace_id
        assert record.event_id


def refused(how: How) -> Callable[[Stage], None]:
    """A delivery that proves nothing: 401 on every route, and nothing is written."""

    def run(stage: Stage) -> None:
        for hook in stage.value.hooks:
            post = made(stage, hook, how)
            assert sent(stage, post).status_code == 401
            assert records(stage, post) == []
        assert stage.source_letters() == []

    return run


def accepted(how: How) -> Callable[[Stage], None]:
    def run(stage: Stage) -> None:
        taken(stage, made(stage, how=how))

    return run


# ---- bodies --------------------------------------------------------------------------------------
def malformed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Stage], None]:
    """Authenticated, but unreadable: 400, and the bytes are kept once however often they come."""

    def run(stage: Stage) -> None:
        post = made(stage, how=How(change=change))
        answers = [sent(stage, post) for _ in range(2)]
        assert [one.status_code for one in answers] == [400, 400]
        assert answers[0].json()["error"]
        assert records(stage, post) == []
        letters = stage.source_letters()
        assert b"".join(one.value or b"" for one in letters) == post.raw
        assert {one.reason for one in letters} == {"malformed delivery"}

    return run


def _nested(_body: dict[str, Any]) -> bytes:
    return b"[" * DEPTH + b"]" * DEPTH


def _half(body: dict[str, Any]) -> bytes:
    raw = msgspec.json.encode(body)
    return raw[: len(raw) // 2]


def form_instead(stage: Stage) -> None:
    """A form where JSON is promised is refused, and nothing is written."""
    hook = stage.value.hooks[0]
    raw = urlencode({"type": "thread.created"}).encode()
    signing = Signing("current", time.time(), "msg_form")
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = stage.post(hook.path, raw, form | dict(hook.sign(raw, signing)))
    assert answer.status_code in (400, 415)
    stage.tail.to_end()
    assert stage.tail.records(hook.topic) == []


def _oversize(stage: Stage) -> tuple[Hook, bytes, dict[str, str]]:
    hook = stage.value.hooks[0]
    (route,) = [one for one in stage.source.routes if one.path == hook.path]
    raw = b" " * (route.body_bytes_max + 1)
    headers = {**JSON, **hook.sign(raw, Signing("current", time.time(), "msg_big"))}
    return hook, raw, headers


def oversize_announced(stage: Stage) -> None:
    hook, raw, headers = _oversize(stage)
    assert _status(lambda: stage.post(hook.path, raw, headers)) in (413, None)
    _nothing_written(stage, hook)


def oversize_chunked(stage: Stage) -> None:
    """A body that does not announce its size is cut off where it exceeds the bound."""
    hook, raw, headers = _oversize(stage)

    def chunks() -> Iterator[bytes]:
        for begin in range(0, len(raw), 65_536):
            yield raw[begin : begin + 65_536]

    def send() -> httpx.Response:
        return stage.gateway.post(hook.path, content=chunks(), headers=headers)

    assert _status(send) in (413, None)
    _nothing_written(stage, hook)


def _status(send: Callable[[], httpx.Response]) -> int | None:
    """None: the gateway has closed the connection before the sender was done, as it may."""
    try:
        return send().status_code
    except httpx.TransportError:
        return None


def _nothing_written(stage: Stage, hook: Hook) -> None:
    stage.tail.to_end()
    assert stage.tail.records(hook.topic) == []
    assert stage.source_letters() == []
    assert 'outcome="oversize"' in stage.metrics("sources")


def unknown_type(stage: Stage) -> None:
    """Platforms add event types without asking: accepted, counted, nothing written."""
    hook = stage.value.hooks[0]
    post = made(stage, hook, How(change=hook.unknown))
    assert sent(stage, post).status_code == 200
    assert records(stage, post) == []
    assert stage.source_letters() == []
    counted = [
        line
        for line in stage.metrics("sources").splitlines()
        if line.startswith("gridwire_unknown_event_types_total") and f'"{stage.value.name}"' in line
    ]
    assert counted


def unknown_fields(stage: Stage) -> None:
    """Platforms add fields without asking, too: the record is what it would be without them."""
    new = {"field_of_tomorrow": {"deep": [1, 2, {"er": None}]}}

    def widened(body: dict[str, Any]) -> dict[str, Any]:
        events = body.get("events")
        if isinstance(events, list):
            return body | new | {"events": [one | new for one in events]}
        return body | new

    taken(stage, made(stage, how=How(change=widened)))


def bad_among_good(stage: Stage) -> None:
    """Of a batch with one event that cannot be read, the others are taken and the bad one is kept."""
    hook = stage.value.hooks[0]
    assert hook.batched is not None, "declare how events are batched, or that they are not"
    good = [made(stage, hook) for _ in range(2)]
    bodies = [msgspec.json.decode(one.raw) for one in good]
    bad = {name: "bad" if not isinstance(v, list) else ["bad"] for name, v in bodies[0].items()}
    raw = msgspec.json.encode(hook.batched([bodies[0], bad, bodies[1]]))
    headers = {**JSON, **hook.sign(raw, Signing("current", time.time(), "msg_batch"))}
    assert stage.post(hook.path, raw, headers).status_code == 200
    assert [len(records(stage, one)) for one in good] == [1, 1]
    (letter,) = stage.source_letters()
    assert letter.value == b'"bad"'


def wrong_method_or_path(stage: Stage) -> None:
    hook = stage.value.hooks[0]
    assert stage.gateway.get(hook.path).status_code in (404, 405)
    assert stage.post(f"{hook.path}/elsewhere", b"{}", {}).status_code == 404


# ---- again ---------------------------------------------------------------------------------------
def redelivered(stage: Stage) -> None:
    """The same bytes again, as senders do: 200 each time, and one event id."""
    post = made(stage)
    for _ in range(3):
        taken(stage, post)
    assert len({one.event_id for one in records(stage, post)}) == 1


def out_of_order(stage: Stage) -> None:
    """Deliveries come in any order: a later change that comes first does not hide the one before it."""
    hook = stage.value.hooks[0]
    assert hook.newer is not None, "declare what a later change looks like, or that there is none"
    n = stage.number()
    body = hook.body(stage.world, n)
    for number, one in enumerate((hook.newer(body), body)):
        raw = msgspec.json.encode(one)
        signing = Signing("current", time.time(), f"msg_conformance_{n}_{number}")
        headers = {**JSON, **hook.sign(raw, signing)}
        taken(stage, Post(hook, n, raw, headers))
    # Notices whose version is not there yet are parked, which writes them again.
    found = {one.event_id: one for one in records(stage, Post(hook, n, b"", {}))}
    assert len(found) == 2
    assert len({one.event_type for one in found.values()}) == 2


def all_at_once(stage: Stage) -> None:
    posts = [made(stage) for _ in range(MANY)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda one: sent(stage, one).status_code, posts))
    assert answers == [200] * MANY
    assert [len(records(stage, one)) for one in (posts[0], posts[-1])] == [1, 1]
    stage.tail.to_end()
    found = stage.tail.records(posts[0].hook.topic)
    assert all(any(one.hook.about(record, one.n) for record in found) for one in posts)


# ---- what the gateway stands on goes away --------------------------------------------------------
def kafka_away(stage: Stage) -> None:
    """503 with Retry-After, so that the sender comes back; then it is taken. Nothing acknowledged is lost."""
    before = made(stage)
    taken(stage, before)
    post = made(stage)
    with stage.kafka_away():
        answer = sent(stage, post)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    until(lambda: sent(stage, post).status_code == 200, "the delivery is taken", SETTLED_S)
    assert len(records(stage, before)) == 1
    assert len({one.event_id for one in records(stage, post)}) == 1


def registry_away(stage: Stage) -> None:
    """A gateway that starts without a schema registry answers 503 until it is there."""
    stage.roles["sources"].stop()
    stage.ground.registry.stop()
    stage.roles["sources"].start()
    post = made(stage)
    try:
        until(lambda: _status(lambda: sent(stage, post)) is not None, "it listens", SETTLED_S)
        answer = sent(stage, post)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    finally:
        stage.ground.registry.restart()
    until(lambda: sent(stage, post).status_code == 200, "the delivery is taken", SETTLED_S)
    assert records(stage, post)


def _until_it_goes(stage: Stage, go: Callable[[], None]) -> list[Post]:
    """Deliveries come while the gateway goes: whatever was answered 200 is in Kafka."""
    posts = [made(stage) for _ in range(MANY)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(_status, lambda one=one: sent(stage, one)) for one in posts]  # type: ignore[misc]
        until(lambda: sum(one.done() for one in answers) >= AT_ONCE, "there is load")
        go()
        statuses = [one.result() for one in answers]
    stage.restart("sources")
    stage.tail.to_end()
    acknowledged = [one for one, status in zip(posts, statuses, strict=True) if status == 200]
    assert acknowledged
    found = stage.tail.records(posts[0].hook.topic)
    lost = [p.n for p in acknowledged if not any(p.hook.about(r, p.n) for r in found)]
    assert lost == []
    return acknowledged


def shutdown_under_load(stage: Stage) -> None:
    _until_it_goes(stage, stage.roles["sources"].stop)


def killed_under_load(stage: Stage) -> None:
    """What comes again to a gateway that knows nothing of the one before has the event id that it had."""
    again = _until_it_goes(stage, stage.roles["sources"].kill)[0]
    before = {one.event_id for one in records(stage, again)}
    assert {one.event_id for one in taken(stage, again)} == before
    assert len(before) == 1


def secrets_nowhere(stage: Stage) -> None:
    """After all that came to the gateway, no secret stands in its logs, its metrics or a dead letter."""
    written = Topics(stage.settings)
    try:
        messages = written.messages(DEAD_LETTER_SOURCES.name)
    finally:
        written.close()
    texts = [repr((one.key(), one.value(), one.headers())) for one in messages]
    texts += [stage.roles["sources"].everything()]
    texts += [stage.metrics("sources"), stage.problems("sources")]
    for secret in stage.value.secrets:
        assert [text[:200] for text in texts if secret in text] == []


SCENES: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("every route takes what proves its sender", every_route),
    ("a forged delivery is refused", refused(How(by="forged"))),
    ("a delivery without proof is refused", refused(How(by="none"))),
    ("a delivery that is too old is refused", refused(How(age_s=TOLERANCE_S + 60))),
    ("a delivery from the future is refused", refused(How(age_s=-TOLERANCE_S - 60))),
    ("a delivery by a clock a little apart is taken", accepted(How(age_s=-TOLERANCE_S / 2))),
    ("a delivery whose body was changed is refused", refused(How(tamper=lambda raw: raw + b" "))),
    ("a delivery signed with the secret before is taken", accepted(How(by="previous"))),
    ("broken JSON is kept as a dead letter", malformed(_half)),
    ("bytes that are no text are kept as a dead letter", malformed(lambda _: b"\xff\xfe\x00")),
    ("JSON of another shape is kept as a dead letter", malformed(lambda _: ["a", "list"])),
    ("an empty object is kept as a dead letter", malformed(lambda _: {})),
    ("JSON nested too deeply is kept as a dead letter", malformed(_nested)),
    ("a form where JSON is promised is refused", form_instead),
    ("a body announced too large is refused", oversize_announced),
    ("a body that turns out too large is refused", oversize_chunked),
    ("an unknown event type is accepted and counted", unknown_type),
    ("unknown fields are ignored", unknown_fields),
    ("good events of a batch with a bad one are taken", bad_among_good),
    ("a wrong method or path is answered so", wrong_method_or_path),
    ("the same bytes again have one event id", redelivered),
    ("versions out of order hide none", out_of_order),
    ("deliveries at once are all taken", all_at_once),
    ("while Kafka is away a delivery is answered 503", kafka_away),
    ("without a schema registry a delivery is answered 503", registry_away),
    ("what was answered before a shutdown is in Kafka", shutdown_under_load),
    ("what was answered before a kill is in Kafka and has the same id again", killed_under_load),
)
CASES = tuple(Case("gateway", name, run) for name, run in SCENES)
LAST = (
    Case(
        "gateway", "no secret is in logs, metrics and dead letters of the gateway", secrets_nowhere
    ),
)
