"""Who may import whom: the architecture, as far as imports show it."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.tidy.sources import Source

# Flows see the world through their arguments: no clock, no randomness, no environment, no logging, no I/O.
IMPURE = frozenset(
    {
        "asyncio",
        "http",
        "io",
        "locale",
        "logging",
        "os",
        "pathlib",
        "platform",
        "queue",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "warnings",
        "zoneinfo",
    }
)
NOW = frozenset({"now", "today", "utcnow", "uuid1", "uuid4"})
FLOWS = ("streams.flows", "streams.rules", "streams.feeds")
FLOWS_MAY = (
    "gridwire.currencies",
    "gridwire.records",
    "gridwire.topics",
    "gridwire.vocabulary",
    "msgspec",  # values and their bounds; no I/O
    "streams.feeds",
    "streams.flow",
    "streams.flows",
    "streams.rules",
    "streams.tables",
)
COLUMNS_MAY = (  # in files of columns (ADR 9): no I/O as they use it
    "pyarrow",
    "pyarrow.compute",
)
COLUMNS_FILE = "_columns"
CONNECTOR_LIST = "connectors.registry"  # the one module that lists them all
PRODUCT = ("gridwire", "connectors", "streams")

# connectors/kit, from the bottom: what connectors say (modules) and base; http and output; lanes; sinks, webhooks and
# reads, which do not know one another; role puts all together.
KIT_WORDS = tuple(
    f"connectors.kit.{name}"
    for name in (
        *("auth", "connector", "cursors", "exchange", "links", "money"),
        *("reading", "settings", "signatures", "verdicts"),
    )
)
KIT_ENDS = ("connectors.kit.sinks", "connectors.kit.webhooks", "connectors.kit.reads")
KIT_ABOVE_CALLS = ("connectors.kit.lanes", *KIT_ENDS, "connectors.kit.role")
KIT_ABOVE_BASE = ("connectors.kit.http", "connectors.kit.output", *KIT_ABOVE_CALLS)
KIT_DIRECTION = "the kit's packages build on one another in one direction: see ARCHITECTURE.md"


@dataclass(frozen=True, slots=True)
class Ban:
    """Modules `where` import nothing of `what`, except modules `but`."""

    where: tuple[str, ...]
    what: tuple[str, ...]
    instead: str
    but: tuple[str, ...] = ()


BANS = (
    Ban(
        ("gridwire", "connectors", "streams", "sandbox", "bench"),
        ("faust", "mode"),
        "only streams/runtime knows Faust: put it there",
        but=("streams.runtime", "bench"),
    ),
    Ban(
        PRODUCT,
        (
            "httpx",
            "httpx_aiohttp",
            "aiohttp",
            "requests",
            "urllib3",
            "urllib.request",
            "http.client",
        ),
        "only connectors/kit speaks HTTP: describe the call as a value",
        but=("connectors.kit",),
    ),
    Ban(
        ("gridwire",),
        ("connectors", "streams", "sandbox"),
        "what both sides share lies below them: only the command line puts them together",
        but=("gridwire.cli", "gridwire.commands"),
    ),
    Ban(("connectors",), ("streams", "sandbox"), "connectors and streams meet in topics only"),
    Ban(("streams",), ("connectors", "sandbox"), "connectors and streams meet in topics only"),
    Ban(
        ("sandbox",),
        ("connectors", "streams"),
        "the sandbox is the outside world: it knows neither",
    ),
    Ban((*PRODUCT, "sandbox"), ("tests", "bench"), "what is shipped does not need its tests"),
    Ban((*KIT_WORDS, "connectors.kit.base"), KIT_ABOVE_BASE, KIT_DIRECTION),
    Ban(("connectors.kit.http", "connectors.kit.output"), KIT_ABOVE_CALLS, KIT_DIRECTION),
    Ban(("connectors.kit.lanes",), KIT_ENDS, KIT_DIRECTION),
    *(Ban((end,), tuple(one for one in KIT_ENDS if one != end), KIT_DIRECTION) for end in KIT_ENDS),
)


def within(module: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of these or lies in one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def imported(source: Source) -> Iterator[tuple[ast.stmt, str]]:
    """Every imported name in full: `from a import b` is `a.b`, for b may be a module."""
    package = source.module.split(".")
    if not source.path.endswith("/__init__.py"):
        package = package[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node, f"{prefix}.{alias.name}") for alias in node.names)


def banned_imports(source: Source) -> list[str]:
    """Imports against the table of bans."""
    return [
        source.at(node, f"imports {name}: {ban.instead}")
        for ban in BANS
        if within(source.module, ban.where) and not within(source.module, ban.but)
        for node, name in imported(source)
        if within(name, ban.what)
    ]


def neighbours(source: Source) -> list[str]:
    """Connectors that import one another, or a kit that knows a connector."""
    parts = source.module.split(".")
    if parts[0] != "connectors" or len(parts) < 2 or source.module == CONNECTOR_LIST:
        return []
    allowed = ("connectors.kit", f"connectors.{parts[1]}")
    return [
        source.at(
            node, f"imports {name}: connectors do not know each other; shared code belongs in kit"
        )
        for node, name in imported(source)
        if name.startswith("connectors.") and not within(name, allowed)
    ]


def impure_flows(source: Source) -> list[str]:
    """Flows and rules that import more than values, or ask for the time."""
    if not within(source.module, FLOWS):
        return []
    may = FLOWS_MAY + (COLUMNS_MAY if source.module.endswith(COLUMNS_FILE) else ())
    found = [
        source.at(node, f"imports {name}: {_instead(name)}")
        for node, name in imported(source)
        if not within(name, may) and not _pure_standard_library(name)
    ]
    found += [
        source.at(
            node, f".{node.func.attr}(): time and chance come with the record or from a timer"
        )
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in NOW
    ]
    return found


def _instead(name: str) -> str:
    if name.split(".", maxsplit=1)[0] == "pyarrow":
        return (
            f"of pyarrow, flows may import {' and '.join(COLUMNS_MAY)}, in files whose names end in "
            f"{COLUMNS_FILE}.py: put the function on columns there"
        )
    return "flows and rules are pure; what they need comes as an argument"


def _pure_standard_library(name: str) -> bool:
    top = name.split(".", maxsplit=1)[0]
    return top in sys.stdlib_module_names and top not in IMPURE


# Faust's own sends, commits, tables and leader are not safe under exactly-once; our transport has its own.
FAUST_MODULES = ("streams.runtime.quiet", "streams.runtime.transport", "streams.runtime.worker")
FAUST_MAY = frozenset(
    {
        "faust",
        "faust.serializers.codecs",
        "faust.transport.base",
        "faust.transport.consumer.Consumer",
        "faust.types.ConsumerMessage",
        "faust.types.TP",
    }
)
FAUST_APP = "App"  # all that is used of the package itself
FAUST_NEVER = frozenset(  # of whatever object: nothing else here has such names
    {
        *("Table", "GlobalTable", "SetTable", "SetGlobalTable"),
        *("is_leader", "on_leader", "send", "send_soon", "send_and_wait", "maybe_send", "cast"),
        *("ask_nowait", "kvmap", "publish_message", "forward"),
    }
)
FAUST_ACTS = frozenset({"commit", "ask", "timer", "crontab", "task", "tables"})
FAUST_OBJECTS = frozenset({"app", "topic", "channel", "agent", "event", "stream", "super"})


def unsafe_faust(source: Source) -> list[str]:
    """Uses of those parts of Faust that the runtime replaces."""
    if not within(source.module, ("streams",)):
        return []
    return [
        source.at(node, f"{what}: Faust's own is not exactly-once; return it from the round")
        for node in ast.walk(source.tree)
        if (what := _unsafe_name(node))
    ]


def faust_beyond_the_transport(source: Source) -> list[str]:
    """Imports of Faust elsewhere than in its two modules, or of more than they need."""
    if not within(source.module, ("streams",)):
        return []
    return [
        source.at(
            node, f"imports {name}: only {', '.join(FAUST_MODULES)} know Faust, and few parts"
        )
        for node, name in imported(source)
        if within(name, ("faust", "mode"))
        and not (source.module in FAUST_MODULES and name in FAUST_MAY)
    ]


def _unsafe_name(node: ast.AST) -> str:
    """What of Faust's is used at a node; "" where nothing is."""
    if isinstance(node, ast.keyword) and node.arg == "on_leader":
        return "on_leader="
    if not isinstance(node, ast.Attribute):
        return ""
    of = _last_name(node.value)
    beyond_app = of == "faust" and node.attr != FAUST_APP
    if node.attr in FAUST_NEVER or beyond_app or (of in FAUST_OBJECTS and node.attr in FAUST_ACTS):
        return f".{node.attr}"
    return ""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_")
    return node.id if isinstance(node, ast.Name) else ""
