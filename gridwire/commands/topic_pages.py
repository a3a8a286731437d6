"""docs/topics.md: every topic with who writes and reads it, and every record with its fields."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gridwire import kafka, topics
from gridwire.commands.pages import page
from gridwire.commands.product_pages import PROMISE, products
from gridwire.commands.wording import anchor, code, listed, prose, table
from gridwire.records import SCHEMAS, Record
from gridwire.settings import KafkaSettings
from gridwire.topics import DAY_MS, DEAD_LETTERS, LEDGERS, TOPICS, DeadLetters, Ledger, Topic
from streams.engine.plan import PARKED_STORE, SEEN_STORE, Plan, plan, table_store
from streams.feeds import FEEDS
from streams.flow import Table
from streams.flows import FLOWS

HEADER = tuple(Record.__struct_fields__)
PERSONAL = "**Personal data.** "
KINDS: Mapping[str, str] = {
    "source": "What platforms told, as connectors wrote it.",
    "reference": "Tables of which every stream worker holds a full copy.",
    "stream": "What flows tell one another.",
    "enriched": "For data teams: read them with any Avro deserializer for Confluent's wire format, read-committed. "
    "Who owns them, how fresh they are and how their latest state is read: [Data products](#data-products).",
    "command": "What sinks are to do. Order holds per key, the lane.",
    "receipt": "What became of each command.",
    "internal": "Of use to gridwire alone.",
}
STATES: Mapping[str, str] = {
    PARKED_STORE: "Records that wait for a row.",
    SEEN_STORE: "Event ids seen lately, per source topic.",
}
DEAD_LETTERS_COMMAND = "`gridwire dead-letters`"
APPROVALS_COMMAND = "`gridwire approvals`"
Schema = Mapping[str, Any]


def topics_page() -> str:
    whole = plan((*FEEDS, *FLOWS))
    return page(
        "Topics",
        "Names are `a.b-c`. Values are Avro in Confluent's wire format (subject `<topic>-value`), keys are text, and\n"
        "every producer partitions by murmur2. Topics that are joined are keyed alike and have\n"
        "`GRIDWIRE_PARTITIONS` partitions each; the stream worker does not start where they differ.\n"
        "`gridwire topics --apply` creates what is missing, and sets the compatibility below.",
        PROMISE,
        *(f"## {kind.capitalize()}\n\n{KINDS[kind]}\n\n{_of_kind(kind, whole)}" for kind in KINDS),
        "## Data products\n\n" + products(),
        "## Dead letters\n\nThe original bytes, key and headers; why, and where from, in headers of Kafka Connect's\n"
        "names and in `gridwire.*`. One partition.\n\n" + _kept_as_bytes(DEAD_LETTERS),
        "## Ledgers\n\nIds of commands, 16 bytes each, in bytes of ours: a command that comes a second time is not\n"
        "carried out again. Each has the partitions of its command topic.\n\n"
        + _kept_as_bytes(LEDGERS),
        "## Changelogs\n\nState of stream workers, written in the same transaction as what follows from it.\n"
        "Compacted, partitioned like the topics that are joined, read by gridwire alone.\n\n"
        + _changelogs(whole),
        "## Records",
        "Every record begins with these fields. Whoever writes a record fills them in.\n\n"
        + _header(),
        "Below, each record's own fields. What is marked as personal data stays out of logs, metrics, headers and\n"
        "`gridwire trace`.",
        *(_record(one, whole) for one in sorted(SCHEMAS, key=lambda one: one.__name__)),
    )


# ---- topics ------------------------------------------------------------------------------------------------------
def _of_kind(kind: str, whole: Plan) -> str:
    rows = (
        (
            code(topic.name),
            f"[{topic.record.__name__}](#{anchor(topic.record.__name__)})",
            prose(topic.doc),
            ", ".join(_writers(topic, whole)),
            ", ".join(_readers(topic, whole)),
            _partitions(topic),
            _kept(topic),
        )
        for topic in TOPICS
        if topic.kind == kind
    )
    head = ("topic", "record", "what", "written by", "read by", "partitions", "kept")
    return table(head, rows)


def _writers(topic: Topic[Any], whole: Plan) -> Iterator[str]:
    if topic.name.startswith("source."):
        yield f"connector {topic.name.split('.')[1]}"
    if topic.kind == "receipt":
        yield f"sink {topic.platform}"
    if topic is topics.CHECKPOINTS:
        yield "polls"
    if topic is topics.DEAD_LETTER_MARKS:
        yield DEAD_LETTERS_COMMAND
    if topic is topics.APPROVAL_DECISIONS:
        yield APPROVALS_COMMAND
    yield from (leg.label for leg in whole.legs if topic in leg.outputs.values())


def _readers(topic: Topic[Any], whole: Plan) -> Iterator[str]:
    if topic.kind == "command":
        yield f"sink {topic.platform}"
    if topic.name.endswith(".notices"):
        yield "its fetches"
    if topic is topics.DEAD_LETTER_MARKS:
        yield DEAD_LETTERS_COMMAND
    if topic in (topics.APPROVALS, topics.APPROVAL_DECISIONS):
        yield APPROVALS_COMMAND
    if topic is topics.CHECKPOINTS:
        yield "polls"
    yield from (f"table {one.name}" for one in whole.references if one.copy_of is topic)
    yield from (entry.bound.label for entry in whole.by_topic.get(topic.name, ()))


def _partitions(topic: Topic[Any]) -> str:
    """As `gridwire topics --apply` would have it."""
    settings = KafkaSettings(bootstrap="", registry_url="", partitions=-1)
    number = kafka.new_topic(settings, topic).num_partitions
    return code("GRIDWIRE_PARTITIONS") if number == settings.partitions else str(number)


def _kept(topic: Topic[Any]) -> str:
    return "compacted" if topic.compacted else f"{topic.retention_ms // DAY_MS} days"


def _kept_as_bytes(some: Iterable[DeadLetters | Ledger]) -> str:
    rows = ((code(one.name), prose(one.doc), f"{one.retention_ms // DAY_MS} days") for one in some)
    return table(("topic", "what", "kept"), rows)


def _changelogs(whole: Plan) -> str:
    tables = {table_store(one): one for one in whole.partitioned}
    legs = {leg.store: leg.label for leg in whole.legs if leg.store not in tables}
    rows = []
    for store in whole.stores:
        if store in tables:
            name = tables[store].row.__name__
            what = f"{prose(tables[store].doc)}{_retention(tables[store])}"
            rows.append((code(store), what, f"[{name}](#{anchor(name)})"))
        else:
            what = STATES[store] if store in STATES else f"State and timers of {legs[store]}."
            rows.append((code(store), what, "bytes of ours"))
    return table(("topic", "what", "values"), rows)


def _retention(one: Table[Any]) -> str:
    if one.retain_days is None:
        return ""
    return f" A row goes {one.retain_days:g} days after it was last written."


# ---- records -----------------------------------------------------------------------------------------------------
def _schema(record: type[Record]) -> Schema:
    found: Schema = json.loads(SCHEMAS[record])
    return found


def _header() -> str:
    some = _schema(next(iter(SCHEMAS)))
    rows = (_row(field, "") for field in some["fields"] if field["name"] in HEADER)
    return table(("field", "type", "meaning"), rows)


def _record(record: type[Record], whole: Plan) -> str:
    schema = _schema(record)
    names = [topic.name for topic in TOPICS if topic.record is record]
    names += [table_store(one) for one in whole.partitioned if one.row is record]
    own = [field for field in schema["fields"] if field["name"] not in HEADER]
    rows = table(("field", "type", "meaning"), _rows(own, ""))
    name = code(f"{schema['namespace']}.{schema['name']}")
    said = f"{prose(schema['doc'])}\nTopics: {listed(names) or 'none'}. Avro name: {name}."
    return "\n\n".join((f"### {record.__name__}", said, rows))


def _rows(fields: list[Schema], path: str) -> Iterator[tuple[str, str, str]]:
    """A row per field; those of records within it follow, with their path."""
    for field in fields:
        yield _row(field, path)
        inner, mark = _inner(field["type"])
        if inner is not None and not _top_level(inner["name"]):
            yield from _rows(inner["fields"], f"{path}{field['name']}{mark}.")


def _row(field: Schema, path: str) -> tuple[str, str, str]:
    personal = PERSONAL if field.get("pii") else ""
    return code(path + field["name"]), _type(field["type"]), personal + prose(field["doc"])


def _inner(node: Any) -> tuple[Schema | None, str]:
    """The record within a type, and how its fields are reached."""
    if isinstance(node, list):
        found = [_inner(branch) for branch in node]
        return next((one for one in found if one[0] is not None), (None, ""))
    if not isinstance(node, dict):
        return None, ""
    if node["type"] == "record":
        return node, ""
    if node["type"] in ("array", "map"):
        mark = "[]" if node["type"] == "array" else "{}"
        inner, rest = _inner(node["items" if node["type"] == "array" else "values"])
        return inner, mark + rest
    return None, ""


def _top_level(name: str) -> bool:
    return any(record.__name__ == name for record in SCHEMAS)


def _type(node: Any) -> str:
    """An Avro type in words."""
    if isinstance(node, list):
        others = [_type(branch) for branch in node if branch != "null"]
        return " or ".join([*others, *(["null"] if "null" in node else [])])
    if isinstance(node, str):
        short = node.rsplit(".", 1)[-1]
        return _link(short) if _top_level(short) else short
    match node["type"]:
        case "array":
            return f"array of {_type(node['items'])}"
        case "map":
            return f"map of {_type(node['values'])}"
        case "enum":
            return f"enum: {', '.join(node['symbols'])}"
        case "record":
            return _link(node["name"]) if _top_level(node["name"]) else "record"
    return str(node.get("logicalType", node["type"]))


def _link(name: str) -> str:
    return f"[{name}](#{anchor(name)})"
