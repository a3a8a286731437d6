"""The generated pages of docs/, each a function from what the code declares to Markdown."""

import inspect as python_inspect
import re
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec import inspect

from connectors import registry
from gridwire import metrics
from gridwire.commands.configuration import CLASSES
from gridwire.commands.wording import (
    NONE,
    anchor,
    code,
    default_words,
    enums_of,
    listed,
    prose,
    table,
    type_words,
    variable_type,
)
from gridwire.settings import Setting, declared
from streams import settings as flow_settings
from streams.engine.plan import bind
from streams.feeds import FEEDS
from streams.flow import Columns, Drop, Flow, Fold, Leg, Lookup, Missing, Wait
from streams.flows import FLOWS
from streams.topology import inputs_of, reads_of

WRITTEN = "<!-- Written by `make generate`. Do not edit: change the code that it describes. -->"


def page(title: str, *parts: str) -> str:
    """A whole file."""
    return "\n\n".join((f"# {title}", WRITTEN, *parts)) + "\n"


# ---- flows -------------------------------------------------------------------------------------------------------
def flow_table(folder: str) -> str:
    """One row per flow, with a link to its section; `folder` leads to docs/."""
    rows = (
        (
            f"[{flow.id}]({folder}flows.md#{anchor(flow.id)})",
            prose(said_of(flow)),
            ", ".join(sorted(flow.needs)),
        )
        for flow in FLOWS
    )
    return table(("flow", "what it does", "active with"), rows)


def said_of(flow: Flow[Any]) -> str:
    """The first sentence of the module that declares the flow."""
    return (sys.modules[flow.legs.__module__].__doc__ or "").partition("\n")[0]


def flows_page() -> str:
    return page(
        "Flows",
        "A flow is active where every platform that it needs is configured; `gridwire flows` shows which are.\n"
        "A leg reads topics, looks rows up in tables, and writes topics.\n"
        "Shapes: *map* (record in, records out), *join* (with rows), *fold* (with a state per key, and durable\n"
        "timers), *columns* (a whole batch of one partition at a time).\n"
        "A look-up that *waits* parks the record until the row comes; after the time given the record becomes a\n"
        "dead letter. *Or none*: the function goes on without the row. Times are those of the default settings.",
        flow_table(""),
        *(_flow(flow) for flow in FLOWS),
        "## Feeds\n\nThey fill tables and shared streams. They always run, and read each batch before the flows do.",
        *(_feed(feed) for feed in FEEDS),
    )


def _flow(flow: Flow[Any]) -> str:
    return _section(flow, "##", f"- Active with: {', '.join(sorted(flow.needs))}")


def _feed(feed: Flow[Any]) -> str:
    return _section(feed, "###")


def _section(flow: Flow[Any], mark: str, *more: str) -> str:
    path = PurePosixPath(*flow.legs.__module__.split(".")).with_suffix(".py")
    variable = flow_settings.variable(flow)
    fields = msgspec.structs.fields(flow.settings)
    chosen = f"[`{variable}`](settings.md#{anchor(variable)})" if fields else "none"
    facts = (
        f"- For: {prose(flow.purpose)}",
        *more,
        f"- Settings: {chosen}",
        f"- Code: [{path}](../{path})",
    )
    legs = table(
        ("leg", "shape", "reads", "looks up", "writes", "state"),
        (_leg(flow, leg) for leg in flow.default_legs()),
    )
    return "\n\n".join((f"{mark} {flow.id}", prose(said_of(flow)), "\n".join(facts), legs))


def _leg(flow: Flow[Any], leg: Leg) -> tuple[str, ...]:
    timed = isinstance(leg, Fold) and leg.on_timer is not None
    shape = type(leg).__name__.lower() + (", timers" if timed else "")
    return (
        leg.name,
        shape,
        listed(topic.name for topic in reads_of(leg)),
        "; ".join(_looked_up(leg)) or NONE,
        listed(topic.name for topic in leg.writes) or NONE,
        code(bind(flow.id, leg).store or "") if isinstance(leg, Fold) else NONE,
    )


def _looked_up(leg: Leg) -> Iterator[str]:
    """Each table with what happens where a row is missing; a columns leg asks its tables as it likes."""
    found = [_lookup(lookup) for entry in inputs_of(leg) for lookup in entry.lookups]
    if isinstance(leg, Columns):
        found += [code(one.name) for one in leg.tables]
    yield from dict.fromkeys(found)
    if isinstance(leg, Fold) and leg.on_timer is not None:
        for said in dict.fromkeys(_lookup(lookup) for lookup in leg.on_timer.lookups):
            yield f"at timers {said}"


def _lookup(lookup: Lookup[Any, Any]) -> str:
    name = code(lookup.table.name)
    if lookup.mode == "where":
        return f"{name} by {lookup.index}"
    return f"{name} ({_missing(lookup.missing)})" if lookup.mode == "row" else name


def _missing(missing: Missing) -> str:
    if isinstance(missing, Wait):
        return f"waits {missing.minutes:g} min"
    return f"else filtered: {missing.reason}" if isinstance(missing, Drop) else "or none"


# ---- settings ----------------------------------------------------------------------------------------------------
def settings_page() -> str:
    connectors = [(one.settings, one.name) for one in registry.CONNECTORS]
    flows = [flow for flow in (*FLOWS, *FEEDS) if msgspec.structs.fields(flow.settings)]
    enums = sorted(_closed_lists(), key=lambda one: one.__name__)
    return page(
        "Settings",
        "Settings come from the environment, and from a file `.env` in the working directory for what the environment\n"
        "does not set. A variable that looks like one of ours and that nothing reads is an error, and so is a value\n"
        "that does not fit: `gridwire run` names all of them at once, with the fix, and does not start.\n"
        "`gridwire check` does the same without starting anything. A secret `NAME` may be given as `NAME_FILE`,\n"
        "the path of a file that holds it.",
        *(_variables(cls) for cls in CLASSES),
        "## Platforms\n\nA platform is configured where any of its required variables is set; then all must be.",
        *(_variables(cls, name, level=3) for cls, name in connectors),
        "## Flows\n\nOne variable per flow: a JSON object of the fields that differ from their defaults.",
        *(_flow_settings(flow) for flow in flows),
        "## Closed lists",
        *(f"### {one.__name__}\n\n{listed(str(value) for value in one)}" for one in enums),
    )


def _variables(cls: type[msgspec.Struct], title: str = "", level: int = 2) -> str:
    said = python_inspect.cleandoc(cls.__doc__ or "")
    rows = (_variable(setting) for setting in declared(cls))
    heading = f"{'#' * level} {title or cls.__name__.removesuffix('Settings')}"
    return "\n\n".join(
        (heading, prose(said), table(("variable", "value", "default", "meaning"), rows))
    )


def _variable(setting: Setting) -> tuple[str, ...]:
    default = setting.default
    if isinstance(default, tuple):
        default = ",".join(default)
    shown = "**required**" if setting.required else default_words(default)
    return code(setting.env.name), _value_words(setting), shown, prose(setting.env.doc)


def _value_words(setting: Setting) -> str:
    if setting.secret:
        return "secret"
    return setting.shape.words if setting.shape else variable_type(setting.bounded_type)


def _flow_settings(flow: Flow[Any]) -> str:
    hints = typing.get_type_hints(flow.settings, include_extras=True)
    defaults = flow.settings()
    rows = (
        (
            code(field.name),
            type_words(inspect.type_info(hints[field.name])),
            default_words(getattr(defaults, field.name)),
        )
        for field in msgspec.structs.fields(flow.settings)
    )
    said = python_inspect.cleandoc(flow.settings.__doc__ or "")
    variable = flow_settings.variable(flow)
    return "\n\n".join((f"### {variable}", prose(said), table(("field", "value", "default"), rows)))


def _closed_lists() -> set[type[Enum]]:
    found: set[type[Enum]] = set()
    for flow in (*FLOWS, *FEEDS):
        for hint in typing.get_type_hints(flow.settings, include_extras=True).values():
            found |= enums_of(inspect.type_info(hint))
    return found


# ---- metrics -----------------------------------------------------------------------------------------------------
SECTION = re.compile(
    r"^# -+ (?P<section>.+?) -+$|^(?P<name>[A-Z_]+) = (?:Counter|Gauge|(?:Sampled)?Histogram)\("
)


def metrics_page() -> str:
    return page(
        "Metrics",
        "Every role serves `/metrics` on `GRIDWIRE_OPS_PORT`, beside `/livez` and `/readyz`. Units are base units.\n"
        f"A label of free text has at most {metrics.LABEL_VALUES_MAX} values, the others count as `{metrics.OTHER}`.\n"
        "Metrics of flows are counted once their transaction is committed. Per flow and leg the numbers add up:\n"
        "in = processed + kept + filtered + dead + those parked right now (less those parked when the process\n"
        "started). Latencies are counted by a few records of each batch, each for those around it.",
        *(f"## {section}\n\n{_metric_table(names)}" for section, names in _sections().items()),
    )


def _sections() -> dict[str, list[str]]:
    """The catalogue's own headings, with the names of the metrics below each."""
    found: dict[str, list[str]] = {}
    sources = (python_inspect.getsource(subject) for subject in metrics.SUBJECTS)
    for line in "".join(sources).splitlines():
        match = SECTION.match(line)
        if match and match["section"]:
            found[match["section"].capitalize()] = []
        elif match:
            found[list(found)[-1]].append(match["name"])
    return found


def _metric_table(names: list[str]) -> str:
    rows = []
    for name in names:
        metric = getattr(metrics, name)
        facts = next(iter(metric.describe()))
        full = f"{facts.name}_total" if facts.type == "counter" else facts.name
        labels = ", ".join(metric._labelnames)  # noqa: SLF001 -- the library tells them nowhere else
        rows.append((code(full), facts.type, labels or NONE, prose(facts.documentation)))
    return table(("metric", "type", "labels", "meaning"), rows)
