"""Writes `gridwire/records/__init__.py` from `schemas/avro`; `--check` only says whether it is up to date.

The Avro schemas are the source of truth. Each named type becomes a frozen `msgspec.Struct` (records) or a
`Literal` (enums); each top-level record also keeps its self-contained schema as JSON, so that an installed
package needs no schema files.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "schemas" / "avro"
TARGET = ROOT / "gridwire" / "records" / "__init__.py"
PRIMITIVES = {
    "string": "str",
    "long": "int",
    "int": "int",
    "double": "float",
    "float": "float",
    "boolean": "bool",
    "bytes": "bytes",
}
KNOWN = frozenset({*PRIMITIVES, "null"})
HEADER = (  # what every record of a topic begins with
    "event_id",
    "occurred_at",
    "produced_at",
    "source",
    "version",
    "trace_id",
    "causation_id",
)
STAMPED = {  # filled in by whoever writes the record to Kafka, so they may be left out where it is made
    "event_id": '""',
    "occurred_at": "0",
    "produced_at": "0",
    "source": '""',
    "version": "0",
    "trace_id": '""',
}
HEAD = '''"""Typed records, generated from schemas/avro by `make generate`. Do not edit."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every record starts with. The runtime and the connectors stamp these fields."""

    event_id: str = ""
    occurred_at: int = 0
    produced_at: int = 0
    source: str = ""
    version: int = 0
    trace_id: str = ""
    causation_id: str | None = None


'''

Schema = dict[str, Any]


class SchemaFileError(Exception):
    """A schema file that cannot become a record; the message names file and fix."""


def load(folder: Path) -> list[Schema]:
    """All top-level record schemas, sorted by path."""
    schemas = []
    for path in sorted(folder.rglob("*.avsc")):
        schema = read(path)
        if schema.get("name") != path.stem:
            raise SchemaFileError(
                f"{path}: the record is named {schema.get('name')}; rename it {path.stem}"
            )
        check_header(path, schema)
        schemas.append(schema)
    check_types(folder, schemas)
    return schemas


def read(path: Path) -> Schema:
    """One schema file."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaFileError(f"{path}: no JSON: {error}; mend it there") from None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise SchemaFileError(f'{path}: write one record: {{"type": "record", "name": …}}')
    missing = [name for name in ("name", "namespace", "fields") if not schema.get(name)]
    if missing:
        raise SchemaFileError(f"{path}: the record lacks {', '.join(missing)}: add it")
    return schema


def check_header(path: Path, schema: Schema) -> None:
    """Every record of a topic begins with the fields of `Record`."""
    names = tuple(field.get("name") for field in schema["fields"])
    if names[: len(HEADER)] == HEADER:
        return
    missing = [name for name in HEADER if name not in names]
    what = f"it lacks {', '.join(missing)}" if missing else "they stand elsewhere"
    raise SchemaFileError(
        f"{path}: a record begins with the fields {', '.join(HEADER)}, in this order, and {what}: copy them from "
        "the beginning of another schema file"
    )


def check_types(folder: Path, schemas: list[Schema]) -> None:
    """Every type is a primitive one, or declared in some schema file and named in full."""
    types = {name for schema in schemas for name, _ in named_types(schema, "")}
    paths = {path.stem: path for path in folder.rglob("*.avsc")}
    for schema in schemas:
        for _, node in named_types(schema, ""):
            for field in node.get("fields", ()):
                for unknown in type_names(field.get("type")):
                    if unknown not in types and unknown not in KNOWN:
                        raise SchemaFileError(
                            f"{paths[schema['name']]}: field {field.get('name')}: no type {unknown!r}: write one of "
                            f"{', '.join(sorted(KNOWN))}, or the full name of a type of another schema file"
                        )


def type_names(node: Any) -> Iterator[Any]:
    """What a field's type refers to by name; None where a type is missing."""
    if isinstance(node, list):
        for branch in node:
            yield from type_names(branch)
    elif not isinstance(node, dict):
        yield node
    elif node.get("type") == "array":
        yield from type_names(node.get("items"))
    elif node.get("type") == "map":
        yield from type_names(node.get("values"))
    elif node.get("type") not in (
        "record",
        "enum",
    ):  # those are declared here; their own fields are looked at
        yield from type_names(node.get("type"))


def full_name(schema: Schema, namespace: str) -> str:
    return f"{schema.get('namespace', namespace)}.{schema['name']}"


def named_types(node: Any, namespace: str) -> Iterator[tuple[str, Schema]]:
    """Every record and enum below `node`, inner ones first, by full name."""
    if isinstance(node, list):
        for branch in node:
            yield from named_types(branch, namespace)
    elif isinstance(node, dict):
        for child in (
            *node.get("fields", ()),
            node.get("items"),
            node.get("values"),
            node.get("type"),
        ):
            yield from named_types(child, node.get("namespace", namespace))
        if node.get("type") in ("record", "enum"):
            yield full_name(node, namespace), node


def inline(node: Any, namespace: str, types: dict[str, Schema], defined: set[str]) -> Any:
    """`node` with every name that is not defined yet replaced by its definition: a self-contained schema."""
    if isinstance(node, str) and node in types and node not in defined:
        owner = node.rsplit(".", 1)[0]
        return inline(types[node] | {"namespace": owner}, owner, types, defined)
    if isinstance(node, list):
        return [inline(branch, namespace, types, defined) for branch in node]
    if not isinstance(node, dict):
        return node
    inner = node.get("namespace", namespace)
    if node.get("type") in ("record", "enum"):
        defined.add(full_name(node, namespace))
    copy = dict(node)
    for slot in ("type", "items", "values"):
        if slot in copy and copy[slot] not in ("record", "enum", "array", "map"):
            copy[slot] = inline(copy[slot], inner, types, defined)
    if "fields" in copy:
        copy["fields"] = [inline(field, inner, types, defined) for field in copy["fields"]]
    return copy


def python_type(node: Any) -> str:
    if isinstance(node, str):
        return PRIMITIVES.get(node) or node.rsplit(".", 1)[-1]
    if isinstance(node, list):
        return " | ".join(
            "None" if branch == "null" else python_type(branch) for branch in node[1:] + node[:1]
        )
    if node["type"] == "array":
        return f"tuple[{python_type(node['items'])}, ...]"
    if node["type"] == "map":
        return f"Mapping[str, {python_type(node['values'])}]"
    return python_type(node["type"]) if node["type"] in PRIMITIVES else str(node["name"])


def default(field: Schema) -> str:
    if field["name"] in STAMPED:
        return f" = {STAMPED[field['name']]}"
    if "default" not in field:
        return ""
    value = field["default"]
    if isinstance(value, list):
        return " = ()"
    return " = msgspec.field(default_factory=dict)" if isinstance(value, dict) else f" = {value!r}"


def render_enum(schema: Schema) -> str:
    symbols = ", ".join(f'"{symbol}"' for symbol in schema["symbols"])
    return f"{schema['name']} = Literal[{symbols}]\n\n\n"


def render_record(schema: Schema) -> str:
    names = tuple(field["name"] for field in schema["fields"])
    top = names[: len(HEADER)] == HEADER
    base = "Record" if top else "msgspec.Struct"
    lines = [
        f"class {schema['name']}({base}, frozen=True, kw_only=True):",
        f'    """{schema["doc"]}"""',
        "",
    ]
    own = schema["fields"][len(HEADER) if top else 0 :]
    lines.extend(f"    {f['name']}: {python_type(f['type'])}{default(f)}" for f in own)
    return "\n".join(lines) + "\n\n\n"


def check_docs(schema: Schema) -> None:
    for name, node in named_types(schema, ""):
        missing = [field["name"] for field in node.get("fields", ()) if not field.get("doc")]
        if missing or not node.get("doc"):
            raise SchemaFileError(f"{name}: add a doc to {', '.join(missing) or 'the type'}")


def render(schemas: list[Schema]) -> str:
    """The whole module as text."""
    types: dict[str, Schema] = {}
    for schema in schemas:
        check_docs(schema)
        types.update(named_types(schema, ""))
    enums = [render_enum(node) for node in types.values() if node["type"] == "enum"]
    records = [render_record(node) for name, node in in_order(types)]
    return HEAD + "".join(enums) + "".join(records) + render_tables(schemas, types)


def in_order(types: dict[str, Schema]) -> list[tuple[str, Schema]]:
    """Records, each after those that it refers to (defaults and bases need no order, readers like it)."""
    done: dict[str, Schema] = {}

    def visit(name: str) -> None:
        if name in done or types[name]["type"] != "record":
            return
        inner = [n for n, node in named_types(types[name], name.rsplit(".", 1)[0]) if n in types]
        for other in (*inner, *references(types[name], types)):
            if other != name:
                visit(other)
        done[name] = types[name]

    for name in types:
        visit(name)
    return list(done.items())


def references(node: Any, types: dict[str, Schema]) -> Iterator[str]:
    if isinstance(node, str) and node in types:
        yield node
    elif isinstance(node, list):
        for branch in node:
            yield from references(branch, types)
    elif isinstance(node, dict):
        for slot in ("type", "items", "values", "fields"):
            yield from references(node.get(slot), types)


def render_tables(schemas: list[Schema], types: dict[str, Schema]) -> str:
    texts, pii = [], []
    for schema in schemas:
        whole = json.dumps(inline(schema, schema["namespace"], types, set()), ensure_ascii=False)
        texts.append(f"    {schema['name']}: {whole!r},")
        fields = tuple(field["name"] for field in schema["fields"] if field.get("pii"))
        if fields:
            pii.append(f"    {schema['name']}: {fields!r},")
    return (
        "# The Avro schema of each record, self-contained.\n"
        f"SCHEMAS: Mapping[type[Record], str] = {{\n{chr(10).join(texts)}\n}}\n\n"
        "# Top-level fields that hold personal data.\n"
        f"PII: Mapping[type[Record], tuple[str, ...]] = {{\n{chr(10).join(pii)}\n}}\n"
    )


def formatted(text: str) -> str:
    """`text` as ruff formats it, so that the generated file passes the same checks as the rest."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a file is out of date"
    )
    arguments = parser.parse_args()
    try:
        text = formatted(render(load(SCHEMAS)))
    except SchemaFileError as error:
        print(error, file=sys.stderr)
        return 1
    current = TARGET.read_text() if TARGET.exists() else ""
    if arguments.check:
        if text != current:
            print(
                f"{TARGET.relative_to(ROOT)} is out of date: run `make generate`", file=sys.stderr
            )
        return int(text != current)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
