"""Values in words, and words as Markdown: what the generated pages are put together of."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

NONE = "-"
NUMBERS = {inspect.IntType: "integer", inspect.FloatType: "number"}


# ---- Markdown ----------------------------------------------------------------------------------------------------
def code(text: str) -> str:
    """As code; a text with backticks gets longer fences."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def prose(text: str) -> str:
    """A text in which nothing but code spans is Markdown: angle brackets are no tags."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", r"\<").replace("*", r"\*") for part in parts[::2]]
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars within cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") or NONE for cell in line) + " |"
        for line in lines
    )


def anchor(heading: str) -> str:
    """What a link to this heading ends with, as Git forges make it."""
    kept = (char for char in heading.lower() if char.isalnum() or char in " -_")
    return "".join(kept).replace(" ", "-")


def listed(names: Iterable[str]) -> str:
    """Names as code, each once."""
    return ", ".join(code(name) for name in dict.fromkeys(names))


# ---- types -------------------------------------------------------------------------------------------------------
def variable_type(kind: Any) -> str:
    """How the value of a variable is written."""
    if kind == tuple[str, ...]:
        return "list, separated by commas"
    return type_words(inspect.type_info(kind))


def type_words(kind: inspect.Type) -> str:
    """A type of a setting in words. Raises TypeError where it has none yet."""
    match kind:
        case inspect.UnionType():
            options = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            return " or ".join(type_words(one) for one in options)
        case inspect.DictType():
            return f"object: {type_words(kind.key_type)} → {type_words(kind.value_type)}"
        case inspect.VarTupleType():
            return f"list: {type_words(kind.item_type)}"
        case inspect.IntType() | inspect.FloatType():
            return NUMBERS[type(kind)] + _bounds(kind)
    return _simple(kind)


def _simple(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType():
            return ", ".join(code(str(value)) for value in kind.values)
        case inspect.EnumType():
            return f"[{kind.cls.__name__}](#{anchor(kind.cls.__name__)})"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text"
    raise TypeError(f"{kind} has no words yet: add them here")


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    marks = (("≥", kind.ge), (">", kind.gt), ("≤", kind.le), ("<", kind.lt))
    return ",".join(f" {mark} {bound}" for mark, bound in marks if bound is not None)


def enums_of(kind: inspect.Type) -> set[type[Enum]]:
    """The closed lists that a type names."""
    match kind:
        case inspect.EnumType():
            return {kind.cls}
        case inspect.DictType():
            return enums_of(kind.key_type) | enums_of(kind.value_type)
        case inspect.VarTupleType():
            return enums_of(kind.item_type)
    return set()


# ---- defaults ----------------------------------------------------------------------------------------------------
def default_words(value: Any) -> str:
    """A default as it would be written; NONE where there is none."""
    if value is None or value in ("", (), {}):
        return NONE
    return code(value if isinstance(value, str) else json(value))


def json(value: Any) -> str:
    """`value` as JSON with spaces, for people."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
