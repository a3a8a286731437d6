"""Trading Grid, as the conformance suite sees it."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Mapping
from typing import Any

from connectors.kit.reading import ms_iso
from gridwire.records import AddComment, MoveThread, OpenThread, PutInsight, Related
from gridwire.topics import TRADING_GRID_NOTICES, TRADING_GRID_THREADS
from sandbox.core.webhooks import standard_webhook_headers
from tests.contract.connectors.conformance.value import (
    Conformance,
    Hook,
    Missing,
    Place,
    Polled,
    Read,
    Signer,
    Signing,
    Target,
    Throttle,
    Token,
    Write,
)
from tests.contract.connectors.world import World

BASE = "/api/active-community/v1"
THREADS = f"{BASE}/threads"
SECRET = "conformance-client-secret"
SYSTEM = "bigcommerce"


def _whsec(name: str) -> str:
    return "whsec_" + base64.b64encode(name.ljust(32, "-").encode()).decode()


WEBHOOK_SECRETS: Mapping[Signer, str] = {
    "current": _whsec("conformance"),
    "previous": _whsec("conformance-before"),
    "forged": _whsec("a-guess"),
}


def environ(place: Place) -> Mapping[str, str]:
    community = f"{place.sandbox_url}/trading-grid"
    return {
        "TG_BASE_URL": f"{community}{BASE}",
        "TG_TOKEN_URL": f"{community}/oauth2/token",
        "TG_CLIENT_ID": "gridwire",
        "TG_CLIENT_SECRET": SECRET,
        "TG_COMMUNITY_ID": "community-1",
        "TG_WEBHOOK_SECRET": WEBHOOK_SECRETS["current"],
        "TG_WEBHOOK_SECRET_PREVIOUS": WEBHOOK_SECRETS["previous"],
        "TG_REQUESTS_PER_S": "100",
        "TG_PARTNERS_POLL_S": "1",
        "TG_THREADS_POLL_S": "1",
        "TG_AVAILABILITY_POLL_S": "1",
    }


def prepare(world: World) -> None:
    client = {"client_id": "gridwire", "client_secret": SECRET}
    world.control("trading-grid", "configure", {"clients": [client], "rate_limit": 10_000})
    partner = {"id": "pt_acme", "name": "Acme", "status": "active", "skus": ["LAMP"]}
    world.control("trading-grid", "seed", {"partners": [partner]})


# ---- writes --------------------------------------------------------------------------------------
def _ref(n: int) -> str:
    return f"bigcommerce:{n}/pt_acme/1"


def _thread(n: int, **changed: Any) -> dict[str, Any]:
    reference = {"system": SYSTEM, "type": "matter", "id": _ref(n)}
    given: dict[str, Any] = {
        "id": f"th_case_{n}",
        "kind": "order_exception",
        "subject": f"Order {n}",
        "partner_id": "pt_acme",
        "external_refs": [reference],
    }
    return given | changed


def _is_there(world: World, n: int) -> None:
    world.control("trading-grid", "seed", {"threads": [_thread(n)]})


def _opening(_world: World, n: int) -> OpenThread:
    return OpenThread(
        external_ref=_ref(n),
        system=SYSTEM,
        kind="order_exception",
        subject=f"Order {n}",
        body="It is short",
        priority="high",
        partner_id="pt_acme",
        related=(Related(type="order", id=f"bigcommerce:{n}"),),
    )


def _opened(world: World, n: int) -> int:
    threads = world.state("trading-grid", "threads")
    return sum(ref["id"] == _ref(n) for one in threads for ref in one["external_refs"])


def _comment(world: World, n: int) -> AddComment:
    _is_there(world, n)
    return _comment_only(world, n)


def _comment_only(_world: World, n: int) -> AddComment:
    return AddComment(
        external_ref=_ref(n),
        system=SYSTEM,
        body=f"Reason {n}",
        visibility="shared",
        source_ref=f"case:{n}",
    )


def _commented(world: World, n: int) -> int:
    comments = world.state("trading-grid", "comments")
    return sum(one.get("source_ref") == f"case:{n}" for one in comments)


def _moving(world: World, n: int) -> MoveThread:
    world.control("trading-grid", "seed", {"threads": [_thread(n, status="acknowledged")]})
    return MoveThread(
        external_ref=_ref(n),
        system=SYSTEM,
        to="in_progress",
        reason_code="other",
        note=f"Note {n}",
    )


def _moved(world: World, n: int) -> int:
    """The note of a transition becomes a comment, so that a second transition would show."""
    (thread,) = (
        one for one in world.state("trading-grid", "threads") if one["id"] == f"th_case_{n}"
    )
    notes = [one["body"] for one in world.state("trading-grid", "comments")]
    return notes.count(f"Note {n}") if thread["status"] == "in_progress" else 0


def _insight(_world: World, n: int) -> PutInsight:
    return PutInsight(
        key=f"engagement|pt_acme|US|LAMP|{n}",
        partner_id="pt_acme",
        kind="engagement",
        window_from=1_760_000_000_000,
        window_to=1_760_003_600_000,
        region="US",
        sku="LAMP",
        metrics={"email_click": float(n)},
    )


def _insights(world: World, n: int) -> int:
    found = [one["key"] for one in world.state("trading-grid", "insights")]
    return found.count(f"engagement|pt_acme|US|LAMP|{n}")


WRITES = (
    Write("open_thread", Target("POST", THREADS), _opening, _opened),
    Write("add_comment", Target("POST", f"{THREADS}/"), _comment, _commented),
    Write("move_thread", Target("POST", f"{THREADS}/"), _moving, _moved),
    Write("put_insight", Target("PUT", f"{BASE}/insights/"), _insight, _insights),
)


# ---- throttle, token -----------------------------------------------------------------------------
def _throttled(_now_s: float, wait_s: float) -> Mapping[str, str]:
    """The reset is in seconds from now."""
    return {
        "ratelimit-limit": "10",
        "ratelimit-remaining": "0",
        "ratelimit-reset": str(math.ceil(wait_s)),
    }


def _tighten(world: World, calls: int, window_s: float) -> None:
    limit = {"limit": calls, "window_s": window_s}
    world.control("trading-grid", "configure", {"rate_limit": limit})


def _end_tokens(world: World) -> None:
    world.trigger("trading-grid", "tokens-expired")


# ---- webhooks, fetches, polls --------------------------------------------------------------------
def _stamp(world: World, numbers: list[int], at_s: float) -> None:
    changed = ms_iso(int(at_s * 1_000))
    threads = [_thread(n, created_at=changed, updated_at=changed) for n in numbers]
    world.control("trading-grid", "seed", {"threads": threads})


def _created(world: World, n: int) -> dict[str, Any]:
    _stamp(world, [n], time.time())
    return {
        "type": "thread.created",
        "timestamp": ms_iso(int(time.time() * 1_000)),
        "tenant_id": "tenant-1",
        "community_id": "community-1",
        "subject": f"thread/th_case_{n}",
        "sequence": n,
        "data": {
            "id": f"th_case_{n}",
            "version": 1,
            "status": "open",
            "actor": {"type": "partner", "id": "pt_acme"},
        },
    }


def _acknowledged(body: dict[str, Any]) -> dict[str, Any]:
    told = {"version": 2, "status": "acknowledged", "previous_status": "open"}
    return body | {"type": "thread.status_changed", "data": body["data"] | told}


def _signed(raw: bytes, signing: Signing) -> Mapping[str, str]:
    secret = WEBHOOK_SECRETS.get(signing.by)
    if secret is None:
        return {}
    return standard_webhook_headers(secret, signing.id, signing.at_s, raw)


HOOK = Hook(
    "/trading-grid/webhooks",
    TRADING_GRID_NOTICES,
    _created,
    lambda notice, n: bool(notice.resource_id == f"th_case_{n}"),
    _signed,
    lambda body: body | {"type": "unicorn.seen"},
    dated=True,
    sealed=True,
    newer=_acknowledged,
)
READ = Read(
    topic=TRADING_GRID_THREADS,
    fetch=lambda n: Target("GET", f"{THREADS}/th_case_{n}"),
    about=lambda thread, n: bool(thread.thread_id == f"th_case_{n}"),
    poll=Polled(
        target=Target("GET", THREADS),
        resource="trading-grid.threads",
        stamp=_stamp,
        page=200,
        broken={"data": [{"id": 5}], "page": {"next_cursor": None, "has_more": False}},
        loop={"data": [], "page": {"next_cursor": "again", "has_more": True}},
    ),
)

TRADING_GRID = Conformance(
    name="trading-grid",
    environ=environ,
    prepare=prepare,
    writes=WRITES,
    hooks=(HOOK,),
    read=READ,
    token=Token(_end_tokens, Target("POST", "/oauth2/token")),
    throttle=Throttle(_throttled, _tighten),
    missing=Missing("add_comment", _comment_only, "delivered", _is_there),
    secrets=(SECRET, WEBHOOK_SECRETS["current"], WEBHOOK_SECRETS["previous"]),
    # A 409 without `existing_id`: the same request is in progress.
    answers={409: "delivered"},
    inapplicable={
        "a half-failed batch is not taken for a success": "the API writes one object at a time",
        "good events of a batch with a bad one are taken": "a webhook holds one event",
    },
)
