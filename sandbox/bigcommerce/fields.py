"""Tables of what a request body may hold, and the check of a body against one.

V2 refuses the first wrong field with 400; V3 lists every wrong field in a 422.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sandbox.bigcommerce.answers import Json, Refused
from sandbox.bigcommerce.dates import parse_date

INT_MAX = 2_147_483_647
KINDS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "bool": (bool,),
    "number": (int, float, str),
    "price": (int, float),
    "list": (list,),
    "object": (dict,),
    "date": (str,),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body; `number` may come as text, `price` may not.

    Lengths are characters, `low`/`high` bound numbers, `nullable` allows null; `numeric_text` lets a whole number
    come as a string.
    """

    kind: str
    required: bool = False
    length_min: int = 0
    length_max: int | None = None
    low: int = -INT_MAX
    high: int = INT_MAX
    one_of: Collection[Any] = ()
    nullable: bool = False
    numeric_text: bool = False


Fields = Mapping[str, Field]


def _wrong_size(field: Field, value: Any) -> str | None:
    if isinstance(value, str) and field.kind == "str":
        if len(value) < field.length_min:
            return f"must have at least {field.length_min} characters"
        if field.length_max is not None and len(value) > field.length_max:
            return f"must have at most {field.length_max} characters"
    if field.kind == "int" and not field.low <= value <= field.high:
        return f"must be from {field.low} to {field.high}"
    return None


def _wrong_content(field: Field, value: Any) -> str | None:
    if field.kind in ("number", "price"):
        try:
            finite = isfinite(float(value))
        except (ValueError, OverflowError):
            finite = False
        return None if finite else "must be a number"
    if field.kind == "date":
        try:
            parse_date(value, "date")
        except Refused:
            return "must be a date"
    return None


def problem(field: Field, value: Any) -> str | None:
    """What is wrong with the value, or None."""
    if value is None:
        return None if field.nullable else "must not be null"
    if field.numeric_text and isinstance(value, str) and value.isdigit():
        value = int(value)
    if not isinstance(value, KINDS[field.kind]):
        return f"must be of type {field.kind}"
    if isinstance(value, bool) and field.kind != "bool":
        return f"must be of type {field.kind}"
    if field.one_of and value not in field.one_of:
        return f"must be one of {sorted(map(str, field.one_of))}"
    return _wrong_size(field, value) or _wrong_content(field, value)


def v2_checked(body: Any, fields: Fields, known: Collection[str] = ()) -> Json:
    """The body itself. `known`: names that exist but cannot be written. Raises Refused 400."""
    if not isinstance(body, dict):
        raise Refused(400, "The request body must be a JSON object.")
    for name, value in body.items():
        if name not in fields:
            reason = "is read-only; leave it out" if name in known else "is not supported here"
            raise Refused(400, f"The field '{name}' {reason}.")
        wrong = problem(fields[name], value)
        if wrong:
            raise Refused(400, f"The field '{name}' is invalid: it {wrong}.")
    for name, field in fields.items():
        if field.required and name not in body:
            raise Refused(400, f"The required field '{name}' is missing.")
    return body


def v3_problems(body: Mapping[str, Any], fields: Fields, ignored: Collection[str] = ()) -> Json:
    """Field -> what is wrong. `ignored`: read-only names that the store silently skips."""
    found: Json = {}
    for name, value in body.items():
        if name in fields:
            wrong = problem(fields[name], value)
            if wrong:
                found[name] = wrong
        elif name not in ignored:
            found[name] = "is not a field of this resource"
    for name, field in fields.items():
        if field.required and name not in body:
            found[name] = "is required"
    return found


def v3_checked(body: Any, fields: Fields, ignored: Collection[str] = ()) -> Json:
    """The writable part of a V3 body. Raises Refused 422 with all wrong fields."""
    if not isinstance(body, dict):
        raise Refused(422, "The body must be a JSON object.", errors={"body": "must be an object"})
    wrong = v3_problems(body, fields, ignored)
    if wrong:
        raise Refused(422, "JSON data is missing or invalid", errors=wrong)
    return {name: value for name, value in body.items() if name in fields}


def v3_array(body: Any, what: str, most: int) -> list[Json]:
    """A batch body. Raises Refused: 422 when it is no array of objects, 413 when too long."""
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise Refused(422, f"The body must be an array of {what}.", errors={})
    if not body:
        raise Refused(422, f"The array of {what} is empty.", errors={})
    if len(body) > most:
        raise Refused(413, f"At most {most} {what} fit into one request.", errors={})
    return body
