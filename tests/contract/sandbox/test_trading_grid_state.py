"""Trading Grid: idempotency, unique references, versions, state machines, purchase orders."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from tests.contract.sandbox.community import REF, RESOLUTION, THREAD, Community

PO = {
    "po_number": "PO-1",
    "order_ref": "bigcommerce:1001",
    "partner_id": "pt_acme",
    "lines": [{"line_no": 1, "sku": "LAMP", "quantity": 2}],
}
SHELF = {"partner_id": "pt_acme", "sku": "LAMP", "location_code": "EAST", "type": "stock"}


def test_the_same_key_and_body_get_the_first_answer_again(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    first = community.call("POST", "/threads", THREAD, key=key)
    second = community.call("POST", "/threads", THREAD, key=key)
    assert second.status_code == first.status_code == 201
    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(community.state("threads")) == len(community.state("events")) == 1


def test_the_same_key_with_another_body_is_refused(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    community.call("POST", "/threads", THREAD, key=key)
    answer = community.call("POST", "/threads", {**THREAD, "subject": "Other"}, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reuse")


def test_the_same_key_on_another_path_is_refused(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    thread = community.call("POST", "/threads", THREAD, key=key).json()
    answer = community.call("POST", f"/threads/{thread['id']}/comments", {"body": "x"}, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reuse")


def test_a_key_is_forgotten_after_a_day(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    community.control("configure", {"token_ttl_s": 10**6})
    community = Community(http)
    body = {"kind": "claim", "subject": "Lost"}
    community.call("POST", "/threads", body, key=key)
    http.post("/_sandbox/clock", json={"offset_s": 86_390})
    assert "idempotent-replayed" in community.call("POST", "/threads", body, key=key).headers
    http.post("/_sandbox/clock", json={"offset_s": 86_500})
    assert "idempotent-replayed" not in community.call("POST", "/threads", body, key=key).headers
    assert len(community.state("threads")) == 2


def test_a_key_in_progress_gets_409_and_the_effect_happens_once(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    community.control("configure", {"processing_delay_s": 0.5})
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(community.call, "POST", "/threads", THREAD, key=key) for _ in "ab"]
        answers = sorted((one.result() for one in tries), key=lambda one: one.status_code)
    assert [one.status_code for one in answers] == [201, 409]
    assert answers[1].json()["code"] == "idempotency_in_progress"
    assert len(community.state("threads")) == 1


def test_a_refused_request_leaves_its_key_free(http: httpx.Client) -> None:
    community, key = Community(http), str(uuid4())
    thread = community.made("/threads", THREAD)
    path = f"/threads/{thread['id']}"
    body = {"to": "acknowledged"}
    stale = community.call("POST", f"{path}/transitions", body, key=key, etag='"x.9"')
    assert stale.status_code == 412
    etag = community.call("GET", path).headers["etag"]
    fresh = community.call("POST", f"{path}/transitions", body, key=key, etag=etag)
    assert (fresh.status_code, fresh.json()["status"]) == (200, "acknowledged")
    replayed = community.call("POST", f"{path}/transitions", body, key=key, etag=etag)
    assert replayed.headers["idempotent-replayed"] == "true"


def test_a_second_object_with_the_same_reference_gets_409_with_the_first(
    http: httpx.Client,
) -> None:
    community = Community(http)
    first = community.made("/threads", THREAD)
    answer = community.call("POST", "/threads", {**THREAD, "subject": "Again"})
    assert (answer.status_code, answer.json()["code"]) == (409, "external_ref_exists")
    assert answer.json()["existing_id"] == first["id"]
    assert len(community.state("threads")) == 1
    document = {"type": "invoice", "external_refs": [REF]}
    assert community.call("POST", "/documents", document).status_code == 201


def test_a_reference_is_free_again_once_it_is_taken_off(http: httpx.Client) -> None:
    community = Community(http)
    first = community.call("POST", "/threads", THREAD)
    path = f"/threads/{first.json()['id']}"
    community.call("PATCH", path, {"external_refs": []}, etag=first.headers["etag"])
    assert community.call("POST", "/threads", THREAD).status_code == 201


def test_a_patch_is_a_merge_and_one_version(http: httpx.Client) -> None:
    community = Community(http)
    custom = {"custom": {"a": 1, "b": 2}}
    made = community.call("POST", "/threads", {**THREAD, **custom})
    path = f"/threads/{made.json()['id']}"
    patch = {"custom": {"b": None, "c": 3}, "body": "More"}
    changed = community.call("PATCH", path, patch, etag=made.headers["etag"])
    assert changed.json()["custom"] == {"a": 1, "c": 3}
    assert changed.json()["version"] == 2
    idle = community.call("PATCH", path, patch, etag=changed.headers["etag"])
    assert idle.headers["etag"] == changed.headers["etag"]
    last = community.state("events")[-1]
    assert (last["type"], last["data"]["changed"]) == ("thread.updated", ["body", "custom"])
    assert len(community.state("events")) == 2


@pytest.mark.parametrize("name", ["status", "version", "kind", "resolution", "created_at"])
def test_a_patch_cannot_set_what_the_platform_sets(http: httpx.Client, name: str) -> None:
    community = Community(http)
    made = community.call("POST", "/threads", THREAD)
    path = f"/threads/{made.json()['id']}"
    answer = community.call("PATCH", path, {name: "claim"}, etag=made.headers["etag"])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "read_only"


EVERYWHERE = "escalated cancelled"
LEGAL = {
    "open": f"acknowledged {EVERYWHERE}",
    "acknowledged": f"in_progress {EVERYWHERE}",
    "in_progress": f"awaiting_partner awaiting_internal resolved {EVERYWHERE}",
    "awaiting_partner": f"awaiting_internal resolved {EVERYWHERE}",
    "awaiting_internal": f"awaiting_partner resolved {EVERYWHERE}",
    "resolved": f"closed reopened {EVERYWHERE}",
    "reopened": f"in_progress {EVERYWHERE}",
    "escalated": "in_progress cancelled",
    "closed": "",
    "cancelled": "",
}


@pytest.mark.parametrize("source", LEGAL)
def test_a_thread_moves_along_the_legal_transitions_only(http: httpx.Client, source: str) -> None:
    community = Community(http, limit=10_000)
    threads = [{**THREAD, "id": f"th_{to}", "status": source} for to in LEGAL]
    seeds = [{**one, "external_refs": [], "resolution": RESOLUTION} for one in threads]
    community.control("seed", {"threads": seeds})
    for to in LEGAL:
        body = {"to": to} | ({"resolution": RESOLUTION} if to == "resolved" else {})
        answer = community.move(f"/threads/th_{to}", body)
        if to in LEGAL[source].split():
            assert (answer.status_code, answer.json()["status"]) == (200, to), f"{source}>{to}"
        else:
            assert answer.status_code == 422, f"{source}>{to}"
            assert answer.json()["code"] == "invalid_transition"
            assert answer.json()["current_status"] == source


def test_a_thread_is_not_resolved_without_a_resolution(http: httpx.Client) -> None:
    community = Community(http)
    community.control("seed", {"threads": [{**THREAD, "id": "th_1", "status": "in_progress"}]})
    refused = community.move("/threads/th_1", {"to": "resolved"})
    assert (refused.status_code, refused.json()["code"]) == (422, "resolution_required")
    wrong = community.move("/threads/th_1", {"to": "resolved", "resolution": {"code": "x"}})
    assert wrong.json()["errors"][0]["pointer"] == "/resolution/action"
    done = community.move("/threads/th_1", {"to": "resolved", "resolution": RESOLUTION})
    assert done.json()["resolution"]["action"] == "ship"
    assert done.json()["resolution"]["decided_at"]
    community.move("/threads/th_1", {"to": "reopened"})
    community.move("/threads/th_1", {"to": "in_progress"})
    assert community.move("/threads/th_1", {"to": "resolved"}).status_code == 422


def test_a_transition_needs_the_version_that_was_read(http: httpx.Client) -> None:
    community = Community(http)
    made = community.call("POST", "/threads", THREAD)
    path = f"/threads/{made.json()['id']}"
    missing = community.call("POST", f"{path}/transitions", {"to": "acknowledged"})
    assert missing.status_code == 428
    community.call("POST", f"{path}/comments", {"body": "Hello"})
    stale = community.call(
        "POST", f"{path}/transitions", {"to": "acknowledged"}, etag=made.headers["etag"]
    )
    assert stale.status_code == 412


def test_a_comment_has_its_author_and_moves_the_thread_on(http: httpx.Client) -> None:
    community = Community(http)
    thread = community.made("/threads", THREAD)
    body = {"body": "We look into it", "source_ref": "bc:1", "visibility": "internal"}
    comment = community.made(f"/threads/{thread['id']}/comments", body)
    assert comment["author"]["type"] == "internal"
    assert comment["visibility"] == "internal"
    assert community.call("GET", f"/threads/{thread['id']}").json()["version"] == 2
    event = community.state("events")[-1]
    assert event["type"] == "thread.comment_added"
    assert event["data"]["comment_id"] == comment["id"]
    assert event["data"]["source_ref"] == "bc:1"
    found = community.call("GET", f"/threads/{thread['id']}/comments?source_ref=bc:1").json()
    assert [one["id"] for one in found["data"]] == [comment["id"]]


def test_participants_and_escalations_belong_to_the_thread(http: httpx.Client) -> None:
    community = Community(http)
    made = community.call("POST", "/threads", THREAD)
    path = f"/threads/{made.json()['id']}"
    people = {"participants": [{"type": "internal", "id": "finance"}]}
    assert community.call("PUT", f"{path}/participants", people).status_code == 428
    put = community.call("PUT", f"{path}/participants", people, etag=made.headers["etag"])
    assert put.json()["participants"] == people["participants"]
    assert community.call("POST", f"{path}/escalations", {"level": 2}).status_code == 201
    assert community.call("GET", path).json()["status"] == "escalated"
    assert community.state("events")[-1]["type"] == "thread.escalated"


def test_sequences_of_a_shelf_only_rise_and_supersede(http: httpx.Client) -> None:
    community = Community(http)
    first = community.made("/availability-updates", {**SHELF, "quantity": 5})
    second = community.made("/availability-updates", {**SHELF, "quantity": 3, "sequence": 7})
    assert (first["sequence"], second["sequence"]) == (1, 7)
    late = community.call("POST", "/availability-updates", {**SHELF, "sequence": 7})
    assert (late.status_code, late.json()["last_sequence"]) == (409, 7)
    kept = {one["id"]: one["decision_status"] for one in community.state("availability_updates")}
    assert kept == {first["id"]: "superseded", second["id"]: "proposed"}
    elsewhere = community.made("/availability-updates", {**SHELF, "location_code": "WEST"})
    assert elsewhere["sequence"] == 1


def test_an_update_is_decided_once(http: httpx.Client) -> None:
    community = Community(http)
    update = community.made("/availability-updates", {**SHELF, "quantity": 5})
    path = f"/availability-updates/{update['id']}/decision"
    accepted = community.call("POST", path, {"decision": "accepted"})
    assert accepted.json()["decision_status"] == "accepted"
    again = community.call("POST", path, {"decision": "rejected"})
    assert (again.status_code, again.json()["code"]) == (422, "invalid_transition")


def test_a_launch_is_ready_only_when_its_gate_is_open(http: httpx.Client) -> None:
    community = Community(http)
    items = [
        {"key": "photos", "required": True, "status": "todo"},
        {"key": "film", "required": False, "status": "todo"},
    ]
    body = {"name": "Lamp", "launch_at": "2026-12-01T08:00:00Z", "checklist": items}
    launch = community.made("/launches", body)
    path = f"/launches/{launch['id']}"
    community.move(path, {"to": "preparing"})
    assert community.move(path, {"to": "ready"}).json()["code"] == "gate_closed"
    etag = community.call("GET", path).headers["etag"]
    done = community.call("PATCH", f"{path}/items/photos", {"status": "done"}, etag=etag).json()
    assert (done["gate_open"], done["readiness_percent"]) == (True, 50)
    assert community.move(path, {"to": "ready"}).json()["status"] == "ready"
    types = [event["type"] for event in community.state("events")]
    assert types[-2:] == ["launch.checklist_item_changed", "launch.ready"]


def test_a_purchase_order_is_acknowledged_shipped_or_cancelled_before(http: httpx.Client) -> None:
    community = Community(http)
    order = community.made("/purchase-orders", PO)
    path = f"/purchase-orders/{order['id']}"
    answer = {"status": "acknowledged", "lines": [{"line_no": 1, "ack_quantity": 2}]}
    acknowledged = community.made(f"{path}/acknowledgements", answer)
    assert acknowledged["status"] == "acknowledged"
    assert acknowledged["lines"][0]["ack_quantity"] == 2
    wrong = {"status": "acknowledged", "lines": [{"line_no": 9}]}
    assert community.call("POST", f"{path}/acknowledgements", wrong).status_code == 422
    shipment = {"fulfilment_no": "F-1", "lines": [{"line_no": 1, "sku": "LAMP", "quantity": 2}]}
    fulfilment = community.made(f"{path}/fulfilments", shipment)
    listed = community.call("GET", f"{path}/fulfilments").json()["data"]
    assert [one["id"] for one in listed] == [fulfilment["id"]]
    community.trigger("moved", kind="purchase_order", id=order["id"], to="shipped")
    assert community.call("POST", f"{path}/cancel", {}).status_code == 422


def test_milestones_of_an_order_are_reported_once_and_move_forward(http: httpx.Client) -> None:
    community = Community(http)
    path = "/orders/sfcc:00012345/milestones"
    planned = community.call("POST", path, {"code": "packed", "planned_at": "2026-01-01T00:00:00Z"})
    reached = community.call("POST", path, {"code": "packed", "status": "reached"})
    late = community.call("POST", path, {"code": "packed", "status": "planned"})
    assert [planned.status_code, reached.status_code, late.status_code] == [201, 200, 200]
    (kept,) = community.call("GET", path).json()["data"]
    assert kept["status"] == "reached"


def test_documents_are_acknowledged_and_announcements_published(http: httpx.Client) -> None:
    community = Community(http)
    document = community.made("/documents", {"type": "policy", "requires_ack": True})
    path = f"/documents/{document['id']}"
    for to in ("submitted", "under_review", "approved"):
        assert community.move(path, {"to": to}).json()["status"] == to
    assert community.move(path, {"to": "submitted"}).status_code == 422
    community.made(f"{path}/acknowledgements", {"status": "accepted", "partner_id": "pt_acme"})
    assert community.state("events")[-1]["type"] == "document.acknowledged"
    announcement = community.made("/announcements", {"title": "News"})
    published = community.call("POST", f"/announcements/{announcement['id']}/publish", {})
    assert published.json()["status"] == "published"
    assert community.state("events")[-1]["type"] == "announcement.published"
