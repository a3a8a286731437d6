"""Rows and private states as JSON, for whoever looks at them from outside."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gridwire.records import Record
from gridwire.redaction import HIDDEN, Redaction
from streams.engine.store import Held


def shown_row(row: Record, *, personal: bool) -> Mapping[str, Any]:
    """A row of a table. Unless `personal`, what its schema tags as personal is hidden."""
    return _plain(row) if personal else Redaction.of(row).record


def shown_state(held: Held[Any], *, personal: bool) -> Mapping[str, Any]:
    """A fold's private state with its timers (name → due, epoch ms).

    Its type has no schema that would tell what is personal. So unless `personal`, of records what their schemas tag is
    hidden, of everything else all texts are.
    """
    return {
        "state": _plain(held.state) if personal else _careful(held.state),
        "timers": held.timers if personal else _numbered(held.timers),
        "trace_id": held.trace_id,
        "cause_id": held.cause_id,
        "occurred_at": held.occurred_at,
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True)


def _careful(value: Any) -> Any:
    if isinstance(value, Record):
        return dict(Redaction.of(value).record)
    if isinstance(value, msgspec.Struct):
        return {name: _careful(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return _numbered({name: _careful(one) for name, one in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_careful(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else HIDDEN


def _numbered(values: Mapping[Any, Any]) -> Mapping[str, Any]:
    """Keys may be ids of people, too: entries are numbered in their place."""
    return {f"#{number}": values[key] for number, key in enumerate(values, 1)}
