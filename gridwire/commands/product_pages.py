"""The part of docs/topics.md for those who read enriched topics: compatibility, and each data product."""

from typing import Any

from gridwire.commands.wording import anchor, code
from gridwire.compatibility import LEVEL
from gridwire.records import EngagementWindow
from gridwire.topics import DAY_MS, TOPICS, Topic

PROMISE = f"""## Compatibility

Whoever reads a topic by any version of its schema can go on with it: fields come with a default and go only if they had
one, and an enum has a default for symbols that a reader does not know. The registry keeps that promise where a
subject's level is `{LEVEL}`.
A registry's own default is often weaker (Confluent's is `BACKWARD`), so `gridwire topics --apply` sets the level of
every subject below, and sets it again where somebody has changed it. Each role warns at its start of subjects for which
a weaker one counts. Schemas of releases are kept in `schemas/released`; `make check` compares today's with all of them,
by the rules of the registry. `make release-schemas` keeps those of the version that is about to be released."""

ABOUT = """What is in an enriched topic is made for others to read. `produced_at` - `occurred_at` of a record is how
late it was written, in milliseconds. In metrics, for the records that the flow reads: `gridwire_intake_latency_seconds`
(the platform and the intake), `gridwire_processing_latency_seconds` (from there to the commit),
`gridwire_end_to_end_latency_seconds` (both), and `gridwire_consumer_lag_seconds` for what is not committed yet;
`gridwire lag` tells that while workers are down. Read with `isolation.level=read_committed`: what is not committed is
not there. How to connect is in the [README](../README.md#send-an-event-read-what-became-of-it)."""

LATEST_WINDOWS = """latest = {}


def take(window):
    \"\"\"A window as the deserializer gives it, in any order and however often.\"\"\"
    key = (window["partner_id"], window["region"], window["sku"], window["window_start"])
    if key not in latest or window["amendment"] > latest[key]["amendment"]:
        latest[key] = window
"""
READERS = {EngagementWindow: LATEST_WINDOWS}


def products() -> str:
    """A section per enriched topic."""
    enriched = [topic for topic in TOPICS if topic.kind == "enriched"]
    return "\n\n".join((ABOUT, *(_product(topic) for topic in enriched)))


def _product(topic: Topic[Any]) -> str:
    name = topic.record.__name__
    lines = (
        f"### {topic.name}",
        "",
        f"{topic.doc} Record: [{name}](#{anchor(name)}). Subject: {code(topic.subject)}.",
        "",
        f"- **Owner.** {topic.owner[0].upper()}{topic.owner[1:]}.",
        f"- **Key.** {topic.grain}",
        f"- **Freshness.** {topic.freshness}",
        f"- **Latest state.** {topic.latest}",
        f"- **Kept.** {topic.retention_ms // DAY_MS} days; who is away for longer misses what was deleted.",
    )
    example = READERS.get(topic.record)
    reader = f"\n\n```python\n{example}```" if example else ""
    return "\n".join(lines) + reader
