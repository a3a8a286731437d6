"""A record without personal data: what its schema tags `pii` is hidden, and so is the same text wherever it stands."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from gridwire.codec import plain
from gridwire.records import SCHEMAS, Record

HIDDEN = "(hidden)"
WITHIN_CHARS_MIN = 3  # a shorter text is hidden where it stands alone, not within others
PLAIN = frozenset({"flow", "operation"})  # fields of commands that hold names of ours, nothing else
Schema = Mapping[str, Any]


class Redaction:
    """`record`: plain values. A lane or a key may repeat what a tagged field holds: `scrubbed` hides that, too."""

    def __init__(self, record: Mapping[str, Any], personal: frozenset[str]) -> None:
        self._personal = {one: one.casefold() for one in personal}
        self.record: dict[str, Any] = {
            name: value if name in PLAIN else self.hidden(value) for name, value in record.items()
        }

    @classmethod
    def of(cls, record: Record) -> "Redaction":
        schema = json.loads(SCHEMAS[type(record)])
        named: dict[str, Schema] = {}
        _collect(schema, named)
        personal: set[str] = set()
        done = _redact(schema, dict(plain(record)), named, personal)
        return cls(done, frozenset(personal - {""}))

    def scrubbed(self, text: str) -> str:
        """The text, or that it is hidden: as it stands, in other case, or quoted for a URL."""
        forms = {text.casefold(), unquote(text).casefold()}
        repeats = any(self._repeats(form, one) for form in forms for one in self._personal.values())
        return HIDDEN if repeats else text

    @staticmethod
    def _repeats(text: str, personal: str) -> bool:
        return text == personal or (len(personal) >= WITHIN_CHARS_MIN and personal in text)

    def hidden(self, value: Any) -> Any:
        """Plain values made of the record, a platform's JSON for one, without what is personal in it."""
        if isinstance(value, str):
            return self.scrubbed(value)
        if isinstance(value, Mapping):
            return {name: self.hidden(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.hidden(one) for one in value]
        return value


def _collect(node: Any, named: dict[str, Schema]) -> None:
    """Every record that is defined in a schema, by its short name."""
    if isinstance(node, list):
        for branch in node:
            _collect(branch, named)
    elif isinstance(node, dict):
        if node.get("type") == "record":
            named[node["name"]] = node
        for inner in (*node.get("fields", ()), node.get("type"), node.get("items")):
            _collect(inner, named)
        _collect(node.get("values"), named)


def _redact(node: Any, value: Any, named: Mapping[str, Schema], personal: set[str]) -> Any:
    if value is None:
        return None
    if isinstance(node, list):  # a union: what a branch does not concern, it leaves alone
        for branch in node:
            value = _redact(branch, value, named, personal)
        return value
    if isinstance(node, str):
        inner = named.get(node.rsplit(".", 1)[-1])
        return _redact(inner, value, named, personal) if inner else value
    if not isinstance(node, dict):
        return value
    kind = node["type"]
    if kind == "record" and isinstance(value, Mapping):
        return _redact_fields(node, value, named, personal)
    if kind == "array" and isinstance(value, list | tuple):
        return [_redact(node["items"], one, named, personal) for one in value]
    if kind == "map" and isinstance(value, Mapping):
        return {name: _redact(node["values"], one, named, personal) for name, one in value.items()}
    return value


def _redact_fields(
    node: Schema, value: Mapping[str, Any], named: Mapping[str, Schema], personal: set[str]
) -> dict[str, Any]:
    done = dict(value)
    for field in node["fields"]:
        name = field["name"]
        if done.get(name) is None:
            continue
        if field.get("pii"):
            personal.update(texts_within(done[name]))
            done[name] = HIDDEN
        else:
            done[name] = _redact(field["type"], done[name], named, personal)
    return done


def texts_within(value: Any) -> Iterator[str]:
    """Every string in a value of JSON or of a record; names of fields are no values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_within(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_within(one)
