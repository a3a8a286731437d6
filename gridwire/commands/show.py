"""`gridwire flows`, `topics` and `check`: what is there, and whether it fits."""

import asyncio
import json
import sys
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryError

from gridwire import compaction, compatibility, kafka, partitions
from gridwire.codec import Registry, RegistryUnavailableError
from gridwire.commands.configuration import Configuration, configuration
from gridwire.commands.guard import registry_away
from gridwire.commands.platforms import require_one
from gridwire.settings import KafkaSettings, SettingsError
from gridwire.topics import DEAD_LETTERS, LEDGERS, TOPICS
from streams.engine.plan import plan
from streams.feeds import FEEDS
from streams.flow import Columns, Leg
from streams.flows import FLOWS
from streams.topology import lookups_of, reads_of

FAILED, WRONG = 1, 2


def flows(*, as_json: bool) -> int:
    """Every flow: what it is for, what it reads, looks up and writes, and whether it is active here."""
    try:
        inactive = dict(configuration().inactive)
    except SettingsError:
        inactive = {}
    rows = []
    for flow in FLOWS:
        legs = flow.default_legs()
        rows.append(
            {
                "id": flow.id,
                "purpose": flow.purpose,
                "active": flow.id not in inactive,
                "platforms": list(flow.needs),
                "not_configured": list(inactive.get(flow.id, ())),
                "legs": [
                    {
                        "name": leg.name,
                        "shape": type(leg).__name__.lower(),
                        "reads": [topic.name for topic in reads_of(leg)],
                        "looks_up": _looked_up(leg),
                        "writes": [topic.name for topic in leg.writes],
                    }
                    for leg in legs
                ],
            }
        )
    print(json.dumps(rows, indent=2) if as_json else "\n".join(_flow_text(row) for row in rows))
    return 0


def _looked_up(leg: Leg) -> list[str]:
    """Names of the tables, without the one that a fold keeps itself; a columns leg asks all of its tables."""
    tables = leg.tables if isinstance(leg, Columns) else (look.table for look in lookups_of(leg))
    return sorted({table.name for table in tables})


def _flow_text(row: dict[str, Any]) -> str:
    state = (
        "" if row["active"] else f"  (inactive: {', '.join(row['not_configured'])} not configured)"
    )
    lines = [f"{row['id']}{state}", f"    {row['purpose']}"]
    for leg in row["legs"]:
        known = f" + {', '.join(leg['looks_up'])}" if leg["looks_up"] else ""
        lines.append(
            f"    {leg['name']:<10} {', '.join(leg['reads'])}{known} → {', '.join(leg['writes']) or 'state'}"
        )
    return "\n".join(lines)


def apply_topics(settings: KafkaSettings) -> int:
    """Creates the topics that are missing, repairs how state is kept, sets the subjects' compatibility.

    Raises KafkaException where a broker refuses. Exit status 2 where state is still kept in another way, 1 where joined
    topics have another number of partitions than configured, or the compatibility is not set.
    """
    stores = plan((*FEEDS, *FLOWS)).stores
    created = kafka.create_topics(settings, list(stores))
    print(f"created {len(created)}: {', '.join(created) or 'nothing was missing'}")
    wrong = partitions.differing(
        settings.partitions, kafka.partition_counts(settings), (*partitions.JOINED, *stores)
    )
    if wrong:
        print(wrong, file=sys.stderr)
    kept = _kept(settings, [*(t.name for t in TOPICS if t.compacted), *stores])
    promised = _promised(settings)
    return FAILED if wrong else promised or kept


def topics(*, as_json: bool) -> int:
    """Every topic that there is to be."""
    stores = plan((*FEEDS, *FLOWS)).stores
    rows = [
        {
            "name": t.name,
            "kind": t.kind,
            "record": t.record.__name__,
            "compacted": t.compacted,
            "doc": t.doc,
        }
        for t in TOPICS
    ]
    rows += [
        {"name": t.name, "kind": "dead-letter", "record": "", "compacted": False, "doc": t.doc}
        for t in DEAD_LETTERS
    ]
    rows += [
        {"name": t.name, "kind": "ledger", "record": "", "compacted": False, "doc": t.doc}
        for t in LEDGERS
    ]
    rows += [
        {"name": name, "kind": "changelog", "record": "", "compacted": True, "doc": "State."}
        for name in stores
    ]
    text = "\n".join(f"{row['name']:<44} {row['kind']:<12} {row['doc']}" for row in rows)
    print(json.dumps(rows, indent=2) if as_json else text)
    return 0


def _kept(settings: KafkaSettings, topics: list[str]) -> int:
    """Says which topics with state were not compacted as they must be, and whether they are now."""
    differed = compaction.ensure(settings, topics)
    for one in differed:
        print(f"differed: {one}")
    left = compaction.remaining(settings, topics) if differed else []
    for one in left:
        print(f"still differs: {one}; set it with the broker's own tools")
    return WRONG if left else 0


def _promised(settings: KafkaSettings) -> int:
    """Sets the level that readers are promised, and says where it was not."""
    registry = Registry(settings.registry_url)
    try:
        changed = compatibility.ensure(registry)
    except RegistryUnavailableError as error:
        print(f"compatibility is not set: {registry_away(settings, error)}, and run this again")
        return FAILED
    except SchemaRegistryError as error:
        print(
            f"the schema registry refuses: {error.error_message}; set {compatibility.LEVEL} for the subjects of "
            "docs/topics.md with the rights it wants"
        )
        return WRONG
    finally:
        registry.close()
    print(f"compatibility set to {compatibility.LEVEL}: {', '.join(changed) or 'it was'}")
    return 0


def check() -> int:
    """Validates the whole configuration without starting anything. Exit status 2 where something is wrong."""
    config = configuration()
    in_vain = _asked_in_vain(config)
    if in_vain:
        print(SettingsError(in_vain), file=sys.stderr)
        return WRONG
    platforms = ", ".join(connector.name for connector, _ in config.connectors) or "none"
    print(
        f"configuration is valid; platforms: {platforms}; active flows: {len(config.flows)} of {len(FLOWS)}"
    )
    for flow, missing in config.inactive.items():
        print(f"  inactive: {flow} ({', '.join(missing)} not configured)")
    return 0


def check_live() -> int:
    """The same, and then whether Kafka and the registry are there, and each platform lets us in; changes nothing.

    Exit status 1 where one of them refuses, does not answer, or is not as configured; 2 where the configuration is
    wrong. Raises SettingsError where it is not valid, or no platform is configured.
    """
    status = check()
    if status:
        return status
    config = configuration()
    require_one(config)
    return asyncio.run(_looked(config))


async def _looked(config: Configuration) -> int:
    # An HTTP client, which the others do without.
    from connectors.kit.http.live import look  # noqa: PLC0415
    from gridwire.commands.reachable import reached  # noqa: PLC0415

    stores = plan((*FEEDS, *FLOWS)).stores
    found = await asyncio.to_thread(reached, config.kafka, tuple(stores))
    platforms = [connector.sink(settings).platform for connector, settings in config.connectors]
    found += [one for platform in platforms for one in await look(platform)]
    for one in found:
        optional = " (optional)" if one.optional else ""
        reason = f": {one.reason}" if one.reason else ""
        print(f"{one.platform:<14} {one.state:<11} {one.probe}{optional}{reason}")
    failed = sum(one.failed for one in found)
    print(
        f"{len(found)} looks at Kafka, the registry and {len(platforms)} platforms, {failed} failed; "
        "nothing was changed"
    )
    return FAILED if failed else 0


def _asked_in_vain(config: Configuration) -> list[str]:
    """Flows that are to run here and whose platforms are not configured."""
    return [
        f"GRIDWIRE_FLOWS names {flow}, which needs {', '.join(config.inactive[flow])}: set the variables of the "
        "platform, or add it to GRIDWIRE_PLATFORMS"
        for flow in config.streams.flows
        if flow in config.inactive
    ]
