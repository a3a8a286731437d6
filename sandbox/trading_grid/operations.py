"""What can be done beyond create, patch and move; endpoints and triggers share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.events import SYSTEM, Actor
from sandbox.trading_grid.fields import check
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.problems import FieldError, Problem, invalid
from sandbox.trading_grid.store import Object, iso


def _refuse(pointer: str, code: str, message: str) -> Problem:
    error: FieldError = {"pointer": pointer, "code": code, "message": message}
    return invalid([error])


def check_attachment(engine: Engine, attachment_id: object, pointer: str) -> None:
    """Raises Problem 422 for an attachment that is unknown or infected."""
    found = engine.store.of("attachment").get(str(attachment_id))
    if found is None:
        raise _refuse(pointer, "unknown_attachment", f"there is no attachment {attachment_id!r}")
    if found["scan_status"] == "infected":
        raise _refuse(pointer, "attachment_infected", "an infected file cannot be shared")


def add_comment(engine: Engine, body: Object, actor: Actor) -> Object:
    """The author is the actor; attachments must exist."""
    for index, attachment_id in enumerate(body.get("attachments") or []):
        check_attachment(engine, attachment_id, f"/attachments/{index}")
    return engine.create("comment", body, actor, {"author": actor.as_author()})


def attach_to_thread(engine: Engine, body: Object, actor: Actor) -> Object:
    check_attachment(engine, body.get("attachment_id"), "/attachment_id")
    return engine.create("thread_attachment", body, actor)


def acknowledge_document(engine: Engine, body: Object, actor: Actor) -> Object:
    if actor.type == "partner":
        body = {"partner_id": actor.id, **body}
    return engine.create("acknowledgement", body, actor)


def move_thread(
    engine: Engine, thread_id: str, body: Object, actor: Actor, *, walk: bool
) -> Object:
    """Transition {to, reason_code?, note?, resolution?}; the note becomes a shared comment.

    Raises Problem 404, 422.
    """
    changes: Object = {}
    if body.get("resolution") is not None:
        errors = check({"resolution": "shape:resolution"}, {"resolution": body["resolution"]})
        if errors:
            raise invalid(errors)
        changes["resolution"] = {"decided_at": iso(engine.now_s()), **body["resolution"]}
    if body["to"] == "reopened":
        changes["resolution"] = None
    move = engine.walk if walk else engine.transition
    moved = move(
        "thread", thread_id, body["to"], actor, changes=changes, reason_code=body.get("reason_code")
    )
    if body.get("note"):
        add_comment(engine, {"thread_id": thread_id, "body": body["note"]}, actor)
        return engine.store.get("thread", thread_id)
    return moved


def escalate_thread(engine: Engine, thread_id: str, body: Object, actor: Actor) -> Object:
    """A record of the escalation, and the thread moves to `escalated`. Raises Problem 404, 422."""
    engine.store.get("thread", thread_id)
    known = {"level": body.get("level", 1), "reason_code": body.get("reason_code")}
    engine.transition("thread", thread_id, "escalated", actor, reason_code=known["reason_code"])
    return engine.create(
        "escalation", {**body, "level": known["level"], "thread_id": thread_id}, actor
    )


def set_participants(engine: Engine, thread: Object, participants: object, actor: Actor) -> Object:
    errors = check({"participants": "shapes:participant!"}, {"participants": participants})
    if errors:
        raise invalid(errors)
    return engine.replace(KINDS["thread"], thread, {**thread, "participants": participants}, actor)


def _same_shelf(one: Object, other: Object) -> bool:
    return all(one.get(name) == other.get(name) for name in ("partner_id", "sku", "location_code"))


def publish_availability(engine: Engine, body: Object, actor: Actor) -> Object:
    """A proposal with the next sequence of its partner, sku and location.

    A given sequence must be newer than the last (Problem 409). Older proposals of the same shelf
    are superseded.
    """
    shelf = [one for one in engine.store.of("availability").values() if _same_shelf(one, body)]
    last = max((one["sequence"] for one in shelf), default=0)
    sequence = body.get("sequence")
    if sequence is None:
        sequence = last + 1
    elif isinstance(sequence, int) and sequence <= last:
        raise Problem(
            409,
            "sequence_not_monotonic",
            f"the last sequence of this partner, sku and location is {last}",
            extra={"last_sequence": last},
        )
    created = engine.create("availability", {**body, "sequence": sequence}, actor)
    for older in shelf:
        if older["decision_status"] == "proposed":
            engine.transition("availability", older["id"], "superseded", SYSTEM)
    return created


def acknowledge_order(engine: Engine, order_id: str, body: Object, actor: Actor) -> Object:
    """{status, lines?, note?}: the partner's answer to a purchase order, line by line."""
    fields = {
        "status": "enum:po_acknowledgement!",
        "lines": "shapes:po_ack_line",
        "note": "text",
    }
    errors = check(fields, body)
    if errors:
        raise invalid(errors)
    order = engine.store.get("purchase_order", order_id)
    answers = {line["line_no"]: line for line in body.get("lines") or []}
    unknown = answers.keys() - {line["line_no"] for line in order["lines"]}
    if unknown:
        raise _refuse("/lines", "unknown_line", f"the order has no lines {sorted(unknown)}")
    lines = [{**line, **answers.get(line["line_no"], {})} for line in order["lines"]]
    return engine.walk("purchase_order", order_id, body["status"], actor, changes={"lines": lines})


def report_milestone(engine: Engine, body: Object, actor: Actor) -> tuple[Object, bool]:
    """Create the milestone of (order, code), or bring it on. Answers (milestone, created).

    The status moves forward only: a repeated or late `planned` changes dates, not the status.
    """
    status = body.pop("status", "planned")
    errors = check({"status": "enum:milestone_status"}, {"status": status})
    if errors:
        raise invalid(errors)
    found = [
        one
        for one in engine.store.of("milestone").values()
        if one["order_ref"] == body.get("order_ref") and one["code"] == body.get("code")
    ]
    if found:
        patch = {n: v for n, v in body.items() if n not in ("order_ref", "code")}
        milestone = engine.patch("milestone", found[0]["id"], patch, actor)
    else:
        milestone = engine.create("milestone", body, actor)
    if KINDS["milestone"].machine and status not in (milestone["status"], "planned"):
        milestone = engine.transition("milestone", milestone["id"], status, actor)
    return milestone, not found


def put_insight(engine: Engine, key: str, body: Object, actor: Actor) -> tuple[Object, bool]:
    """The insight of this key, new or replaced as a whole. Answers (insight, created)."""
    kind = KINDS["insight"]
    current = engine.store.of("insight").get(key)
    if current is None:
        return engine.create("insight", {**body, "key": key}, actor, {"id": key}), True
    errors = check(kind.all_fields, {**body, "key": key})
    if errors:
        raise invalid(errors)
    kept = {n: current[n] for n in ("id", "key", "created_at", "created_by", "version")}
    blank = {"external_refs": [], "custom": {}, "updated_at": current["updated_at"]}
    return engine.replace(kind, current, {**blank, **body, **kept}, actor), False


def patch_launch_item(
    engine: Engine, launch: Object, key: str, patch: Object, actor: Actor
) -> Object:
    """Change one checklist item; the gate is computed anew. Raises Problem 404, 422."""
    items = launch["checklist"]
    if key not in {item["key"] for item in items}:
        raise Problem(404, "not_found", f"the launch has no checklist item {key!r}")
    changed = [{**item, **patch} if item["key"] == key else item for item in items]
    errors = check({"checklist": "shapes:checklist_item"}, {"checklist": changed})
    if errors or "key" in patch:
        raise invalid(errors or [{"pointer": "/key", "code": "read_only", "message": "is fixed"}])
    after = {**launch, "checklist": changed}
    event = "launch.checklist_item_changed"
    told = {"item_key": key}
    return engine.replace(KINDS["launch"], launch, after, actor, events=[event], told=told)


CREATE: Mapping[str, Callable[[Engine, Object, Actor], Object]] = {
    "comment": add_comment,
    "thread_attachment": attach_to_thread,
    "acknowledgement": acknowledge_document,
    "availability": publish_availability,
}


def create_any(engine: Engine, kind_name: str, body: Object, actor: Actor) -> Object:
    """Create with what the kind knows beyond its table row."""
    special = CREATE.get(kind_name)
    return special(engine, body, actor) if special else engine.create(kind_name, body, actor)
