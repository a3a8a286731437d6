"""docs/sinks.md: what each sink does, how it is made safe to repeat, what goes together, how many replicas it wants.

`sink_facts` is where a deployment reads the same: how many replicas of the sinks a platform's limits allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connectors.kit.connector import Operation, Sink
from connectors.registry import CONNECTORS, Connector
from gridwire.commands.pages import page
from gridwire.commands.wording import code, prose, table
from gridwire.settings import Secret, declared

ANYWHERE = "https://platform.example"
MANY = "as many as there are partitions"
ABOUT = """What the sinks carry out, with the defaults of all settings. How an operation is made safe to repeat:
*natural*: the write replaces; *keyed*: the platform deduplicates by a key of ours; *lookup*: it looks before it
writes; *unsafe*: an intent is committed before it is sent, and `GRIDWIRE_SINK_UNSAFE_REPEATS` decides where its
outcome is not known. *Together*: so many queued commands of different lanes go in one call, each with a verdict and
a receipt of its own."""
REPLICAS = """A platform whose limits are the whole account's is called by one process by default: run its sink with so
many replicas as the table says, or divide the quota among them first
([operations.md](operations.md#roles-ports-replicas)). Where others need more, they get a deployment of their own:
a sinks process carries out the commands of those platforms alone whose variables it has."""


@dataclass(frozen=True, slots=True)
class SinkFacts:
    """One platform. `replicas_max`: of the sinks role, by default; None: as many as there are partitions."""

    platform: str
    replicas_max: int | None
    calls_at_once: int
    operations: tuple[Operation, ...]


def sink_facts() -> tuple[SinkFacts, ...]:
    """Every connector's sink, with the defaults of its settings."""
    return tuple(_facts(sink) for sink in sample_sinks())


def sample_sinks() -> tuple[Sink, ...]:
    """Every connector's sink as it is described: whatever is configured, and not to be called."""
    return tuple(_sample(connector) for connector in CONNECTORS)


def _facts(sink: Sink) -> SinkFacts:
    platform = sink.platform
    operations = tuple(sink.operations.values())
    return SinkFacts(platform.name, platform.replicas_max, platform.concurrency, operations)


def _sample(connector: Connector) -> Sink:
    """The sink with something in place of what has no default."""
    given: dict[str, Any] = {
        one.field: Secret("unset") if one.secret else ANYWHERE
        for one in declared(connector.settings)
        if one.required
    }
    return connector.sink(connector.settings(**given))


def sinks_page() -> str:
    facts = sink_facts()
    replicas = (
        (code(one.platform), str(one.replicas_max or MANY), str(one.calls_at_once)) for one in facts
    )
    return page(
        "Sinks",
        ABOUT,
        "## Replicas\n\n"
        + REPLICAS
        + "\n\n"
        + table(("platform", "replicas of its sink", "calls at once, each"), replicas),
        *(f"## {one.platform}\n\n{_operations(one)}" for one in facts),
    )


def _operations(facts: SinkFacts) -> str:
    rows = ((code(one.name), _safety(one), prose(_together(one))) for one in facts.operations)
    return table(("operation", "safe to repeat", "together"), rows)


def _safety(operation: Operation) -> str:
    return "depends on the command" if callable(operation.safety) else operation.safety


def _together(operation: Operation) -> str:
    return ", ".join(_bounds(operation))


def _bounds(operation: Operation) -> Iterator[str]:
    bulk = operation.bulk
    if bulk is None:
        return
    yield f"up to {bulk.items_max}"
    if bulk.bytes_max is not None:
        yield f"{bulk.bytes_max} bytes"
    yield "one call at a time" if bulk.parallel_max == 1 else f"{bulk.parallel_max} calls at once"
