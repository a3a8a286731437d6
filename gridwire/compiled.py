"""Avro readers and writers compiled for one schema each: Python functions that know their record's fields.

fastavro looks at the schema again for every value; these do not, and take a third of its time. fastavro stays the
reference: what is written here is byte for byte what it writes, what is read is what it reads (property tests hold the
two equal). Anything out of the ordinary (a value of the wrong type, bytes that are not canonical) raises, and whoever
called asks fastavro, which knows what is wrong.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from gridwire import records
from gridwire.varint import NUMBERS, SMALL, UnfitError, integer, long, read_length, read_long

Write = Callable[[bytes, Any], bytes]  # what to begin with, record → message value
Read = Callable[[bytes], Any]  # message value, behind HEADER_BYTES → record

HEADER_BYTES = 5
SYMBOLS_MAX = 64  # the index of a symbol is one byte
DOUBLE = Struct("<d")

# What the compiled functions may name.
GIVEN: Mapping[str, Any] = {
    "NUMBERS": NUMBERS,
    "BOOLEANS": {False: b"\0", True: b"\1"},
    "TRUTHS": (False, True),
    "UnfitError": UnfitError,
    "integer": integer,
    "long": long,
    "pack_double": DOUBLE.pack,
    "read_length": read_length,
    "read_long": read_long,
    "unpack_double": DOUBLE.unpack_from,
}


# ---- source ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Source:
    """Lines of a function in the making, and the names that it uses."""

    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=lambda: dict(GIVEN))
    types: dict[str, Any] = field(default_factory=dict)  # named types of the schema
    open: list[str] = field(default_factory=list)  # records around the place we are at
    count: int = 0

    def add(self, depth: int, *lines: str) -> None:
        self.lines.extend("    " * depth + line for line in lines)

    def name(self, stem: str) -> str:
        """A name that is not used yet."""
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, value: Any) -> str:
        """The name of a value."""
        name = self.name("K")
        self.names[name] = value
        return name

    def resolved(self, kind: Any) -> Any:
        """A type without aliases: by its definition where it is named, without logical types."""
        if isinstance(kind, str) and kind in self.types:
            return self.types[kind]
        if isinstance(kind, dict) and isinstance(kind["type"], dict | list):
            return self.resolved(kind["type"])
        if isinstance(kind, dict) and kind["type"] not in ("record", "enum", "array", "map"):
            return kind["type"]
        return kind

    def compiled(self, name: str) -> Any:
        """The function of that name."""
        exec(compile("\n".join(self.lines), f"<avro {name}>", "exec"), self.names)  # noqa: S102 -- our own text
        return self.names[name]


def _named(kind: Any, namespace: str) -> Iterator[tuple[str, Any]]:
    """Every record and enum within a type, by full name."""
    if isinstance(kind, list):
        for branch in kind:
            yield from _named(branch, namespace)
    elif isinstance(kind, dict):
        inner = kind.get("namespace", namespace)
        if kind["type"] in ("record", "enum"):
            yield f"{inner}.{kind['name']}", kind
        for part in (kind["type"], kind.get("items"), kind.get("values")):
            yield from _named(part, inner)
        for part in kind.get("fields", ()):
            yield from _named(part["type"], inner)


def _source(text: str) -> tuple[_Source, Any]:
    schema = json.loads(text)
    return _Source(types=dict(_named(schema, ""))), schema


def _nullable(union: list[Any]) -> tuple[int, Any]:
    """(index of null, the other branch). Raises UnfitError for any other union."""
    if len(union) != 2 or union.count("null") != 1:
        raise UnfitError(f"union {union}")
    null = union.index("null")
    return null, union[1 - null]


# ---- writers -----------------------------------------------------------------------------------------------------
def writer(text: str) -> Write | None:
    """Writes records of the schema `text`; None where it has something that this module does not know."""
    source, schema = _source(text)
    source.add(0, "def write(head, record):")
    source.add(1, "out = bytearray(head)")
    try:
        _write(source, 1, schema, "record")
    except UnfitError:
        return None
    source.add(1, "return bytes(out)")
    found: Write = source.compiled("write")
    return found


def _write(source: _Source, depth: int, kind: Any, value: str) -> None:
    """Lines that append `value` to `out`."""
    kind = source.resolved(kind)
    if isinstance(kind, list):
        _write_union(source, depth, kind, value)
    elif isinstance(kind, dict):
        _WRITERS[kind["type"]](source, depth, kind, value)
    elif kind == "string":
        source.add(depth, f"text = {value}.encode()", "size = len(text)")
        source.add(depth, f"out += NUMBERS[size] if size < {SMALL} else long(size)", "out += text")
    elif kind in ("long", "int"):
        other = "long" if kind == "long" else "integer"
        source.add(depth, f"number = {value}")
        line = f"out += NUMBERS[number] if 0 <= number < {SMALL} else {other}(number)"
        source.add(depth, line)
    elif kind == "boolean":
        source.add(depth, f"out += BOOLEANS[{value}]")
    elif kind == "double":
        source.add(depth, f"out += pack_double({value})")
    else:
        raise UnfitError(kind)


def _write_union(source: _Source, depth: int, union: list[Any], value: str) -> None:
    null, other = _nullable(union)
    name = source.name("v")
    source.add(depth, f"{name} = {value}", f"if {name} is None:")
    source.add(depth + 1, f"out += {NUMBERS[null]!r}")
    source.add(depth, "else:")
    source.add(depth + 1, f"out += {NUMBERS[1 - null]!r}")
    _write(source, depth + 1, other, name)


def _write_record(source: _Source, depth: int, kind: Any, value: str) -> None:
    if kind["name"] in source.open:
        raise UnfitError(f"{kind['name']} holds itself")
    source.open.append(kind["name"])
    for part in kind["fields"]:
        _write(source, depth, part["type"], f"{value}.{part['name']}")
    source.open.pop()


def _write_enum(source: _Source, depth: int, kind: Any, value: str) -> None:
    table = source.constant({symbol: NUMBERS[i] for i, symbol in enumerate(kind["symbols"])})
    source.add(depth, f"out += {table}[{value}]")


def _write_array(source: _Source, depth: int, kind: Any, value: str) -> None:
    items, item = source.name("v"), source.name("v")
    source.add(depth, f"{items} = {value}", f"size = len({items})", "if size:")
    source.add(
        depth + 1,
        f"out += NUMBERS[size] if size < {SMALL} else long(size)",
        f"for {item} in {items}:",
    )
    _write(source, depth + 2, kind["items"], item)
    source.add(depth, "out += NUMBERS[0]")


def _write_map(source: _Source, depth: int, kind: Any, value: str) -> None:
    entries, key, item = source.name("v"), source.name("v"), source.name("v")
    source.add(depth, f"{entries} = {value}", f"size = len({entries})", "if size:")
    source.add(depth + 1, f"out += NUMBERS[size] if size < {SMALL} else long(size)")
    source.add(depth + 1, f"for {key}, {item} in {entries}.items():")
    _write(source, depth + 2, "string", key)
    _write(source, depth + 2, kind["values"], item)
    source.add(depth, "out += NUMBERS[0]")


_WRITERS: Mapping[str, Callable[[_Source, int, Any, str], None]] = {
    "record": _write_record,
    "enum": _write_enum,
    "array": _write_array,
    "map": _write_map,
}


# ---- readers -----------------------------------------------------------------------------------------------------
def reader(text: str) -> Read | None:
    """Reads records that were written with the schema `text`; None where it has something not known here.

    What it returns raises where fastavro should be asked.
    """
    source, schema = _source(text)
    source.add(0, "def read(data):")
    source.add(1, f"at = {HEADER_BYTES}")
    try:
        _read(source, 1, schema, "record")
    except UnfitError:
        return None
    source.add(1, "if at > len(data):", "    raise UnfitError", "return record")
    found: Read = source.compiled("read")
    return found


def _read(source: _Source, depth: int, kind: Any, target: str) -> None:
    """Lines that read from `data` at `at` into the variable `target`."""
    kind = source.resolved(kind)
    if isinstance(kind, list):
        _read_union(source, depth, kind, target)
    elif isinstance(kind, dict):
        _READERS[kind["type"]](source, depth, kind, target)
    elif kind == "string":
        _read_size(source, depth, "size")
        source.add(depth, f"{target} = data[at:at + size].decode()", "at += size")
    elif kind in ("long", "int"):
        source.add(depth, "byte = data[at]", "if byte < 0x80:")
        source.add(depth + 1, f"{target} = (byte >> 1) ^ -(byte & 1)", "at += 1")
        source.add(depth, "else:", f"    {target}, at = read_long(data, at)")
    elif kind == "boolean":
        source.add(depth, f"{target} = TRUTHS[data[at]]", "at += 1")
    elif kind == "double":
        source.add(depth, f"{target} = unpack_double(data, at)[0]", f"at += {DOUBLE.size}")
    else:
        raise UnfitError(kind)


def _read_size(source: _Source, depth: int, target: str) -> None:
    """One byte holds a small size; a large or a negative one takes the other way."""
    source.add(depth, f"{target} = data[at]", "at += 1")
    source.add(depth, f"if {target} & 0x81:", f"    {target}, at = read_length(data, at - 1)")
    source.add(depth, "else:", f"    {target} >>= 1")


def _read_union(source: _Source, depth: int, union: list[Any], target: str) -> None:
    null, other = _nullable(union)
    source.add(depth, "branch = data[at]", "at += 1")
    source.add(depth, f"if branch == {2 * null}:", f"    {target} = None")
    source.add(depth, f"elif branch == {2 - 2 * null}:")
    _read(source, depth + 1, other, target)
    source.add(depth, "else:", "    raise UnfitError")


def _read_record(source: _Source, depth: int, kind: Any, target: str) -> None:
    if kind["name"] in source.open:
        raise UnfitError(f"{kind['name']} holds itself")
    source.open.append(kind["name"])
    made = source.constant(getattr(records, kind["name"]))
    given = []
    for part in kind["fields"]:
        name = source.name("v")
        _read(source, depth, part["type"], name)
        given.append(f"{part['name']}={name}")
    source.add(depth, f"{target} = {made}({', '.join(given)})")
    source.open.pop()


def _read_enum(source: _Source, depth: int, kind: Any, target: str) -> None:
    if len(kind["symbols"]) > SYMBOLS_MAX:
        raise UnfitError(f"{kind['name']} has more than {SYMBOLS_MAX} symbols")
    symbols = source.constant(tuple(kind["symbols"]))
    source.add(depth, "index = data[at]", "at += 1")
    source.add(depth, "if index & 0x81:", "    raise UnfitError")
    source.add(depth, f"{target} = {symbols}[index >> 1]")


def _read_array(source: _Source, depth: int, kind: Any, target: str) -> None:
    items, item = source.name("v"), source.name("v")
    source.add(depth, f"{items} = []")
    left = _open_blocks(source, depth)
    _read(source, depth + 1, kind["items"], item)
    source.add(depth + 1, f"{items}.append({item})")
    _close_blocks(source, depth, left)
    source.add(depth, f"{target} = tuple({items})")


def _read_map(source: _Source, depth: int, kind: Any, target: str) -> None:
    entries, key, item = source.name("v"), source.name("v"), source.name("v")
    source.add(depth, f"{entries} = {{}}")
    left = _open_blocks(source, depth)
    _read(source, depth + 1, "string", key)
    _read(source, depth + 1, kind["values"], item)
    source.add(depth + 1, f"{entries}[{key}] = {item}")
    _close_blocks(source, depth, left)
    source.add(depth, f"{target} = {entries}")


def _open_blocks(source: _Source, depth: int) -> str:
    """Begins a loop over the items of all blocks; returns the variable that counts what is left of a block.

    A block that begins with its size in bytes (a negative count) is fastavro's.
    """
    left = source.name("v")
    _read_size(source, depth, left)
    source.add(depth, f"while {left}:")
    return left


def _close_blocks(source: _Source, depth: int, left: str) -> None:
    source.add(depth + 1, f"{left} -= 1", f"if not {left}:")
    _read_size(source, depth + 2, left)


_READERS: Mapping[str, Callable[[_Source, int, Any, str], None]] = {
    "record": _read_record,
    "enum": _read_enum,
    "array": _read_array,
    "map": _read_map,
}
