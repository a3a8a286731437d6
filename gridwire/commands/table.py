"""`gridwire table [NAME KEY]`: a row as it is committed, asked of the workers or read from its changelog.

NAME is a table (orders), a full copy (partners) or a private state (state.<flow>.<leg>).
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.kit.connector import Request
from connectors.kit.http.client import HttpClient, NoAnswerError
from gridwire import kafka
from gridwire.codec import Codec, CodecError, Registry
from gridwire.commands.guard import require
from gridwire.murmur2 import partition_of
from gridwire.settings import KafkaSettings
from streams.engine.plan import Plan, plan, table_store
from streams.engine.shown import shown_row, shown_state
from streams.engine.store import FoldStore, Store
from streams.feeds import FEEDS
from streams.flow import Fold, Table
from streams.flows import FLOWS
from streams.runtime.restore import Changelog, Entries, Restore, RestoreError
from streams.runtime.rounds import changelog
from streams.runtime.settings import StreamsSettings

FAILED, WRONG, NOT_FOUND = 1, 2, 3
ASK_TIMEOUT_S = 5.0
STEP_S = 1.0
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows stand in Kafka. `table`: None for a private state. `one_partition`: the key decides which."""

    name: str
    kind: str
    topic: str
    table: Table[Any] | None = None
    one_partition: bool = False


def sources(plan_: Plan, group: str) -> dict[str, Source]:
    """Everything that can be asked for, by name."""
    found = [
        Source(t.name, "table", changelog(group, table_store(t)), t, one_partition=True)
        for t in plan_.partitioned
    ]
    found += [
        Source(t.name, "copy", t.copy_of.name, t) for t in plan_.references if t.copy_of is not None
    ]
    stores = {table_store(table) for table in plan_.partitioned}
    found += [
        Source(leg.store, "state", changelog(group, leg.store))
        for leg in plan_.legs
        if leg.store and leg.store not in stores
    ]
    return {one.name: one for one in found}


def table(
    settings: KafkaSettings,
    streams: StreamsSettings,
    name: str | None,
    key: str | None,
    *,
    workers: Sequence[str],
    as_json: bool,
) -> int:
    """Prints a row, or without `name` the list of tables. `workers`: base URLs of ops ports; default: the setting.

    Exit status 2 where there is no such table, 3 where there is no such row.
    """
    plan_ = plan((*FEEDS, *FLOWS))
    known = sources(plan_, streams.worker_group)
    urls = tuple(workers) or streams.worker_urls
    if name is None:
        return _listed(known, asyncio.run(_ask_all(urls, "/tables")), as_json=as_json)
    if name not in known or key is None:
        print(f"name one of {', '.join(known)}, and a key", file=sys.stderr)
        return WRONG
    place = f"/tables/{quote(name, safe='')}/{quote(key, safe='')}"
    answered = _settled(asyncio.run(_ask_all(urls, place)))
    if answered is not None:
        return _print(answered)
    if urls:
        print("no worker has an answer: reading the changelog", file=sys.stderr)
    try:
        return _print(_read(settings, streams, plan_, known[name], key))
    except RestoreError as error:
        print(f"{known[name].topic} cannot be read: {error}", file=sys.stderr)
        return FAILED


def _print(found: Body | None) -> int:
    if found is None:
        print("no such row", file=sys.stderr)
        return NOT_FOUND
    print(json.dumps(found, indent=2))
    return 0


# ---- asking workers --------------------------------------------------------------------------------------------
async def _ask_all(urls: Sequence[str], path: str) -> list[tuple[str, int, Body]]:
    """(worker, status, body) of those that answer."""
    answers = await asyncio.gather(*(_ask(url, path) for url in urls))
    return [answer for answer in answers if answer is not None]


async def _ask(url: str, path: str) -> tuple[str, int, Body] | None:
    try:
        client = HttpClient(url, {}, connections=1)
    except ValueError as error:
        print(f"{url}: {error}", file=sys.stderr)
        return None
    try:
        answer = await client.exchange(Request("GET", path, timeout_s=ASK_TIMEOUT_S), {})
    except NoAnswerError as error:
        print(f"{url} does not answer ({error})", file=sys.stderr)
        return None
    finally:
        await client.close()
    return url, answer.status, answer.json() or {}


def _settled(answers: Sequence[tuple[str, int, Body]]) -> Body | None:
    """The row that a worker has; None where none has it, and the changelog is to be asked."""
    for url, status, body in answers:
        if status == 200:
            return {"worker": url, **body}
    return None


def _listed(
    known: Mapping[str, Source], answers: Sequence[tuple[str, int, Body]], *, as_json: bool
) -> int:
    rows: dict[str, int] = {}
    for _, status, body in answers:
        for one in body.get("tables", ()) if status == 200 else ():
            counted = one["rows"] if one["kind"] != "copy" else 0  # every worker has all of a copy
            rows[one["name"]] = max(one["rows"], rows.get(one["name"], 0) + counted)
    found = [
        {"name": s.name, "kind": s.kind, "topic": s.topic, "rows": rows.get(s.name)}
        for s in known.values()
    ]
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    for one in found:
        held = "" if one["rows"] is None else f"{one['rows']} rows"
        print(f"{one['name']:<48} {one['kind']:<6} {held:<14} {one['topic']}")
    return 0


# ---- reading a changelog ------------------------------------------------------------------------------------------
def _read(
    settings: KafkaSettings, streams: StreamsSettings, plan_: Plan, source: Source, key: str
) -> Body | None:
    """The last committed row of a key. Raises AwayError, RestoreError, KafkaException, RegistryUnavailableError."""
    require(settings)
    count = kafka.partition_counts(settings).get(source.topic)
    if count is None:
        return None
    partitions = [partition_of(key.encode(), count)] if source.one_partition else [*range(count)]
    spots = [(source.topic, partition) for partition in partitions]
    ends = kafka.patiently(lambda: kafka.watermarks(settings, spots))
    found: dict[int, bytes | None] = {}

    def take(_store: str, partition: int, entries: Entries) -> None:
        if key in entries:
            found[partition] = entries[key]

    reading = Restore(
        settings, [Changelog(t, p, source.name, 0, ends[t, p][1]) for t, p in spots], take
    )
    try:
        while not reading.step(STEP_S):
            continue
    finally:
        reading.close()
    rows = [(partition, raw) for partition, raw in found.items() if raw is not None]
    if not rows:
        return None
    registry = Registry(settings.registry_url)
    try:
        shown = _shown(registry, plan_, source, rows[0][1], personal=streams.queries_show_personal)
    except CodecError as error:
        shown = {"error": "the row cannot be decoded", "reason": error.reason}
    finally:
        registry.close()
    return {"table": source.name, "partition": rows[0][0], **shown}


def _shown(
    registry: Registry, plan_: Plan, source: Source, raw: bytes, *, personal: bool
) -> dict[str, Any]:
    if source.table is not None:
        row = Codec(registry).of(source.table.changelog).decode(raw)
        return {"row": shown_row(row, personal=personal)}
    leg = next(leg.leg for leg in plan_.legs if leg.store == source.name)
    if not isinstance(leg, Fold) or isinstance(leg.state, Table):
        raise CodecError("no private state")
    held = FoldStore(Store(source.name), leg.state).decode(raw)
    return dict(shown_state(held, personal=personal))
