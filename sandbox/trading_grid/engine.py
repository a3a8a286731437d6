"""The resource engine: creates, patches and moves objects of any kind, and tells of it.

It is driven by the tables of `kinds`; what single kinds add stands in `rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.trading_grid.events import Actor, EventLog
from sandbox.trading_grid.fields import check, merge_patch
from sandbox.trading_grid.kind import Kind
from sandbox.trading_grid.kinds import KINDS
from sandbox.trading_grid.problems import FieldError, Problem, invalid
from sandbox.trading_grid.rules import DERIVE, GUARDS, UPDATE_EVENTS
from sandbox.trading_grid.store import Object, Store, iso

KEPT_TOUCHED = frozenset({"version", "updated_at"})


def refuse_readonly(body: Object, fixed: frozenset[str]) -> None:
    """Raises Problem 422 when the body sets what the platform sets."""
    errors: list[FieldError] = [
        {"pointer": f"/{name}", "code": "read_only", "message": "is set by the platform"}
        for name in body
        if name in fixed
    ]
    if errors:
        raise invalid(errors)


def changed_fields(before: Object, after: Object) -> list[str]:
    names = before.keys() | after.keys()
    return sorted(n for n in names - KEPT_TOUCHED if before.get(n) != after.get(n))


class Engine:
    """All writes go through here; every write is one version, told by the events of its kind."""

    def __init__(self, store: Store, events: EventLog, now_s: Callable[[], float]) -> None:
        self.store = store
        self.events = events
        self.now_s = now_s

    def create(
        self, kind_name: str, body: Object, actor: Actor, extra: Object | None = None
    ) -> Object:
        """A new object from the fields that a client may set, plus `extra` of the platform's.

        Raises Problem 422 (fields), 409 (external reference taken).
        """
        kind = KINDS[kind_name]
        refuse_readonly(body, kind.readonly)
        return self.insert(kind, {**kind.defaults, **body}, actor, extra or {})

    def insert(self, kind: Kind, body: Object, actor: Actor, extra: Object) -> Object:
        self._validate(kind, body)
        now = iso(self.now_s())
        status = {kind.machine.field: kind.machine.initial} if kind.machine else {}
        obj = {
            "id": self.store.next_id(kind.prefix),
            "external_refs": [],
            "custom": {},
            **{name: value for name, value in body.items() if value is not None},
            **status,
            "created_at": now,
            "updated_at": now,
            "created_by": actor.as_json(),
            "version": 1,
            **extra,
        }
        obj = DERIVE.get(kind.name, _same)(obj)
        self.store.put(kind.name, obj)
        if kind.parent:
            self.touch_parent(kind, obj, actor, kind.created_event)
        elif kind.created_event:
            self.emit(kind, obj, kind.created_event, actor, changed=sorted(body))
        return obj

    def _validate(self, kind: Kind, body: Object) -> None:
        errors = check(kind.all_fields, body)
        for name, spec in kind.all_fields.items():
            word, _, target = spec.removesuffix("!").partition(":")
            value = body.get(name)
            if word == "ref" and isinstance(value, str) and value not in self.store.of(target):
                message = f"there is no {target} {value!r}"
                errors.append(
                    {"pointer": f"/{name}", "code": "unknown_reference", "message": message}
                )
        if errors:
            raise invalid(errors)

    def patch(self, kind_name: str, object_id: str, patch: Object, actor: Actor) -> Object:
        """JSON merge patch; a patch that changes nothing is no new version and no event.

        Raises Problem 404, 409, 422.
        """
        kind = KINDS[kind_name]
        before = self.store.get(kind_name, object_id)
        refuse_readonly(patch, kind.readonly | kind.once)
        merged = merge_patch(before, patch)
        client_set = {n: v for n, v in merged.items() if n not in kind.readonly}
        self._validate(kind, client_set)
        return self.replace(kind, before, merged, actor)

    def replace(
        self,
        kind: Kind,
        before: Object,
        after: Object,
        actor: Actor,
        *,
        events: list[str] | None = None,
        told: Object | None = None,
    ) -> Object:
        """Store `after` as the next version and emit `events` (default: the kind's own)."""
        after = DERIVE.get(kind.name, _same)(after)
        changed = changed_fields(before, after)
        if not changed and not events:
            return before
        after = {**after, "version": before["version"] + 1, "updated_at": iso(self.now_s())}
        self.store.put(kind.name, after)
        if events is None:
            default = [kind.updated_event] if kind.updated_event else []
            finer = UPDATE_EVENTS.get(kind.name)
            events = finer(before, after, changed) if finer else default
        if kind.parent:
            self.touch_parent(kind, after, actor, events[0] if events else None)
            return after
        for event in events:
            self.emit(kind, after, event, actor, changed=changed, **(told or {}))
        return after

    def transition(
        self,
        kind_name: str,
        object_id: str,
        to: str,
        actor: Actor,
        *,
        changes: Object | None = None,
        reason_code: str | None = None,
    ) -> Object:
        """Move to status `to`, with `changes` in the same version.

        Raises Problem 404, 422 (invalid_transition, or a guard of the kind).
        """
        kind = KINDS[kind_name]
        machine = kind.machine
        before = self.store.get(kind_name, object_id)
        if machine is None:
            raise Problem(422, "invalid_transition", f"a {kind_name} has no status")
        current = before[machine.field]
        if not machine.allows(current, to):
            legal = sorted(machine.graph.get(current, ()))
            raise Problem(
                422,
                "invalid_transition",
                f"{kind_name} cannot go from {current} to {to!r}; legal: {legal or 'nothing'}",
                extra={"current_status": current, "allowed": legal},
            )
        after = {**before, **(changes or {}), machine.field: to}
        GUARDS.get(kind_name, _any_status)(after, to)
        event = kind.status_events.get(to, kind.status_events.get("*"))
        told: Object = {"previous_status": current}
        if reason_code:
            told["reason_code"] = reason_code
        return self.replace(kind, before, after, actor, events=[event] if event else [], told=told)

    def walk(self, kind_name: str, object_id: str, to: str, actor: Actor, **final: Any) -> Object:
        """Go to `to` by the shortest legal way; `final` belongs to the last step."""
        machine = KINDS[kind_name].machine
        obj = self.store.get(kind_name, object_id)
        way = machine.path(obj[machine.field], to) if machine else []
        for status in way[:-1]:
            self.transition(kind_name, object_id, status, actor)
        return self.transition(kind_name, object_id, to, actor, **final)

    def touch_parent(self, kind: Kind, child: Object, actor: Actor, event: str | None) -> None:
        """A nested object was written: its parent has a new version, and tells of it."""
        if kind.parent is None:
            return
        parent_kind = KINDS[kind.parent]
        parent = self.store.get(kind.parent, child[f"{kind.parent}_id"])
        told = {f"{kind.name}_id": child["id"]}
        if child.get("source_ref"):
            told["source_ref"] = child["source_ref"]
        self.replace(parent_kind, parent, parent, actor, events=[event] if event else [], told=told)

    def emit(
        self, kind: Kind, obj: Object, event: str, actor: Actor, changed: list[str], **told: Any
    ) -> None:
        data: Object = {"id": obj["id"], "version": obj["version"]}
        if kind.machine:
            data["status"] = obj[kind.machine.field]
        data["external_refs"] = obj.get("external_refs", [])
        data["actor"] = actor.as_json()
        data["changed"] = changed
        data.update(told)
        self.events.append(event, f"{kind.name}/{obj['id']}", data, self.now_s())


def _same(obj: Object) -> Object:
    return obj


def _any_status(_obj: Object, _to: str) -> None:
    return None
