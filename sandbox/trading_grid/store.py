"""The community's objects: by kind and id, unique by external reference, listed in pages."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sandbox.trading_grid.problems import Problem, not_found

OBJECTS_PER_KIND_MAX = 500_000
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 200

Object = dict[str, Any]
RefKey = tuple[str, str, str, str]


def iso(at_s: float) -> str:
    """Epoch seconds as ISO-8601 UTC with milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def instant_s(text: str) -> float:
    """ISO-8601 with zone as epoch seconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the instant has no time zone")
    return moment.timestamp()


def etag(obj: Object) -> str:
    return f'"{obj["id"]}.{obj["version"]}"'


def encode_cursor(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The position in a cursor of ours. Raises Problem 400."""
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        position = None
    if not isinstance(position, list) or len(position) != length:
        raise Problem(400, "invalid_cursor", "the cursor is not one that this API handed out")
    return position


def ref_keys(kind: str, obj: Object) -> Iterator[RefKey]:
    for ref in obj.get("external_refs") or []:
        yield kind, ref["system"], ref["type"], ref["id"]


class Store:
    """All objects; those handed out must not be changed in place."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Object]] = {}
        self._refs: dict[RefKey, str] = {}
        self._numbers = itertools.count(1)
        self._run = secrets.token_hex(3)

    def next_id(self, prefix: str) -> str:
        """A new id, never used before: not after `clear`, and not by another process."""
        return f"{prefix}_{self._run}_{next(self._numbers):06d}"

    def of(self, kind: str) -> dict[str, Object]:
        return self._kinds.setdefault(kind, {})

    def get(self, kind: str, object_id: str) -> Object:
        """Raises Problem 404."""
        found = self.of(kind).get(object_id)
        if found is None:
            raise not_found(kind, object_id)
        return found

    def find_by_ref(self, key: RefKey) -> Object | None:
        object_id = self._refs.get(key)
        return None if object_id is None else self.of(key[0])[object_id]

    def check_refs(self, kind: str, obj: Object) -> None:
        """Raises Problem 409 with `existing_id` when another object has one of the references."""
        for key in ref_keys(kind, obj):
            owner = self._refs.get(key)
            if owner is not None and owner != obj["id"]:
                raise Problem(
                    409,
                    "external_ref_exists",
                    f"another {kind} has the external reference {':'.join(key[1:])}",
                    extra={"existing_id": owner},
                )

    def put(self, kind: str, obj: Object) -> None:
        """Insert or replace. Raises Problem 409 (external reference), 503 (full)."""
        self.check_refs(kind, obj)
        objects = self.of(kind)
        before = objects.get(obj["id"])
        if before is None and len(objects) >= OBJECTS_PER_KIND_MAX:
            raise Problem(503, "store_full", f"the sandbox holds {OBJECTS_PER_KIND_MAX} {kind}s")
        for key in ref_keys(kind, before or {}):
            self._refs.pop(key, None)
        for key in ref_keys(kind, obj):
            self._refs[key] = obj["id"]
        objects[obj["id"]] = obj

    def remove(self, kind: str, object_id: str) -> Object:
        """Raises Problem 404."""
        obj = self.get(kind, object_id)
        for key in ref_keys(kind, obj):
            self._refs.pop(key, None)
        del self.of(kind)[object_id]
        return obj

    def page(
        self, kind: str, keep: Callable[[Object], bool], limit: int, cursor: str | None
    ) -> tuple[list[Object], str | None]:
        """One page in order of (updated_at, id), and the next page's cursor or None."""
        after = tuple(decode_cursor(cursor, 2)) if cursor else ("", "")
        rest = sorted(
            (
                (obj["updated_at"], obj["id"])
                for obj in self.of(kind).values()
                if (obj["updated_at"], obj["id"]) > after and keep(obj)
            ),
        )
        chosen = rest[:limit]
        following = encode_cursor(list(chosen[-1])) if len(rest) > limit else None
        return [self.of(kind)[object_id] for _, object_id in chosen], following

    def clear(self) -> None:
        self._kinds.clear()
        self._refs.clear()

    def as_json(self) -> dict[str, list[Object]]:
        return {kind: list(objects.values()) for kind, objects in self._kinds.items()}
