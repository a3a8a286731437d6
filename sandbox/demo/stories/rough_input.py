"""What the world really sends: forgeries, broken JSON, and news of an order that is not there. Belongs to no flow."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from sandbox.core.webhooks import standard_webhook_headers
from sandbox.demo.stage import Stage, StoryError
from sandbox.demo.story import Cast, Seeds, Story, Unmet
from sandbox.demo.world import World

NAME = "rough input"
NOWHERE = 99  # an order that nobody placed
HOOKS, CURRENTS = "/bigcommerce/hooks", "/braze/currents"
COMMUNITY = "/trading-grid/webhooks"
UNAUTHORIZED, BAD_REQUEST, TAKEN = 401, 400, 200


def seed(_cast: Cast) -> Seeds:
    """Nothing: all of it comes from outside."""
    return {}


def forged_event(cast: Cast) -> dict[str, Any]:
    """An event that nobody may ever see in an enriched topic."""
    return {
        "event_type": "users.behaviors.Purchase",
        "id": f"forged-{cast.run}",
        "time": int(cast.began_s),
        "user": {"external_user_id": f"mallory-{cast.run}"},
        "properties": {"product_id": "STOLEN", "price": 1.0, "currency": "USD"},
    }


def broken(cast: Cast) -> bytes:
    """Half a JSON object, as an authenticated sender sends it."""
    return f'{{"events": [{{"id": "cut-off-{cast.run}", "event_ty'.encode()


async def play(stage: Stage) -> None:
    batch = json.dumps({"events": [forged_event(stage.cast)]}).encode()
    await _answers(stage, UNAUTHORIZED, CURRENTS, batch, {"authorization": "Bearer not-the-token"})
    hook = _hook(stage)
    forged = _signed(stage, hook, b"not the client secret of the store")
    await _answers(stage, UNAUTHORIZED, HOOKS, hook, forged)
    no_header = standard_webhook_headers(_store_key(stage), "msg_no_header", time.time(), hook)
    await _answers(stage, UNAUTHORIZED, HOOKS, hook, no_header)
    await _stale(stage)
    bearer = {"authorization": f"Bearer {stage.secrets['currents_token']}"}
    await _answers(stage, BAD_REQUEST, CURRENTS, broken(stage.cast), bearer)
    await _answers(stage, TAKEN, HOOKS, hook, _signed(stage, hook, None))


async def _answers(
    stage: Stage, wanted: int, path: str, body: bytes, headers: dict[str, str]
) -> None:
    status = await stage.send(path, body, headers)
    if status != wanted:
        raise StoryError(f"{path} answered {status} instead of {wanted}")


def _hook(stage: Stage) -> bytes:
    """A thin webhook about an order that the store does not know."""
    cast = stage.cast
    body = {
        "scope": "store/order/updated",
        "store_id": "1025646",
        "data": {"type": "order", "id": cast.number(NOWHERE)},
        "hash": f"{cast.run:040d}",
        "created_at": int(cast.began_s),
        "producer": "stores/sandbox",
    }
    return json.dumps(body).encode()


def _store_key(stage: Stage) -> str:
    return base64.b64encode(stage.secrets["bigcommerce_client_secret"].encode()).decode()


def _signed(stage: Stage, body: bytes, other_key: bytes | None) -> dict[str, str]:
    """Header and signature as the store makes them, or with another key."""
    key = _store_key(stage) if other_key is None else base64.b64encode(other_key).decode()
    signed = standard_webhook_headers(key, f"msg_{stage.cast.run}", time.time(), body)
    return {**signed, "x-gridwire-secret": stage.secrets["bigcommerce_hook"]}


async def _stale(stage: Stage) -> None:
    """A true signature of an hour ago: somebody replays what they have overheard."""
    body = json.dumps({"type": "thread.updated", "data": {"id": "th_1", "version": 1}}).encode()
    secret, hour_ago_s = stage.secrets["trading_grid_webhook"], time.time() - 3_600
    headers = standard_webhook_headers(secret, "msg_replayed", hour_ago_s, body)
    await _answers(stage, UNAUTHORIZED, COMMUNITY, body, headers)


def expect(world: World) -> list[str]:
    unmet, cast = Unmet(), world.cast
    letters = [one for one in world.dead_letters if one.topic == "dead-letter.sources"]
    kept = [one for one in letters if one.value == broken(cast)]
    unmet.unless(
        [one.reason for one in kept] == ["malformed delivery"],
        "the broken delivery is kept once in dead-letter.sources, byte for byte",
    )
    order = str(cast.number(NOWHERE)).encode()
    given_up = [one for one in letters if one.flow == "bigcommerce/fetch" and order in one.value]
    unmet.unless(given_up, "the notice of an unknown order is given up into dead-letter.sources")
    unmet.unless(world.figures.webhooks("refused") == 4, "four forgeries are refused")
    produced = [
        record
        for records in world.records.values()
        for record in records
        if f"mallory-{cast.run}" in repr(record)
    ]
    unmet.unless(not produced, "nothing comes of a forgery")
    strangers = [one for one in letters if one not in kept and one not in given_up]
    unmet.unless(not strangers, f"no other dead letters of sources: {_reasons(strangers)}")
    others = [one for one in world.dead_letters if one.topic != "dead-letter.sources"]
    unmet.unless(not others, f"no dead letters of flows and sinks: {_reasons(others)}")
    return unmet


def _reasons(letters: list[Any]) -> str:
    return ", ".join(sorted({f"{one.flow}: {one.reason}" for one in letters})) or "none"


STORY = Story(NAME, seed, play, expect)
