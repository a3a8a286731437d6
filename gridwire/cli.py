"""The `gridwire` command. Exit status: 0 done, 1 failed, 2 configuration or call is wrong, 3 nothing found."""

import argparse
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from gridwire import __version__
from gridwire.commands.approvals.arguments import add_approvals
from gridwire.commands.letters.arguments import add_dead_letters
from gridwire.settings import KafkaSettings, SettingsError, load

WRONG = 2
SHOWN_MAX = 1_000_000
PIPE_CLOSED = 141  # as a shell has it of a command that SIGPIPE ended
ROLES = """roles:
  sources  receives webhooks, polls and fetches, and writes what platforms tell to Kafka
  streams  joins it with tables and decides: reads source topics, writes commands and enriched topics
  sinks    carries out commands at the platforms, and writes receipts
  all      the three on one machine, a process each; ops ports are GRIDWIRE_OPS_PORT and the two after it
"""
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load_env_file(path: Path) -> None:
    """Variables of an `.env` file that are not set yet: NAME=value lines, # comments, optional quotes.

    Raises SettingsError with every line that is none of these; never its text, which may be a secret.
    """
    if not path.is_file():
        return
    problems = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.removeprefix("export ").partition("=")
        if equals and VARIABLE.fullmatch(name.strip()):
            os.environ.setdefault(name.strip(), value.strip().strip("'\""))
        else:
            problems.append(
                f"{path.name} line {number} is not NAME=value: write it so, or remove it"
            )
    if problems:
        raise SettingsError(problems)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="gridwire", description="Platform events in, joined streams, platform actions out."
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    flows = commands.add_parser("flows", help="list the flows, what each reads, joins and writes")
    flows.add_argument("--json", action="store_true", help="machine-readable")
    topics = commands.add_parser("topics", help="list all topics; --apply creates what is missing")
    topics.add_argument(
        "--apply",
        action="store_true",
        help="create missing topics, set the subjects' compatibility",
    )
    topics.add_argument("--json", action="store_true", help="machine-readable")
    check = commands.add_parser(
        "check", help="validate the configuration without starting anything"
    )
    check.add_argument(
        "--live",
        action="store_true",
        help="look at Kafka, registry and topics, too, and ask each platform whether credentials and permissions "
        "hold; changes nothing",
    )
    kafka = commands.add_parser("kafka", help="a local Kafka and schema registry for development")
    kafka.add_argument("action", choices=("up", "down", "status"))
    kafka.add_argument("--json", action="store_true", help="machine-readable")
    sandbox = commands.add_parser("sandbox", help="run the simulated platforms")
    sandbox.add_argument(
        "--port", type=int, default=8600, help="0: any free port (default %(default)s)"
    )
    demo = commands.add_parser("demo", help="run the whole scenario on this machine and report")
    demo.add_argument(
        "--json", type=Path, default=Path("build/demo.json"), help="where the report goes"
    )
    demo.add_argument(
        "--keep", action="store_true", help="leave everything running afterwards, until Ctrl-C"
    )
    _add_over_kafka(commands)
    return top


def _add_run(commands: Any) -> None:
    run = commands.add_parser(
        "run",
        help="run a role until it is told to stop",
        description="Runs a role until SIGTERM or Ctrl-C.",
        epilog=ROLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("role", choices=("sources", "streams", "sinks", "all"))
    run.add_argument(
        "--dry-run",
        action="store_true",
        help="sinks only: show the requests that waiting commands lead to, send and commit nothing",
    )
    run.add_argument(
        "--limit",
        type=_count,
        default=100,
        help="how many commands a dry run shows (default %(default)s)",
    )


def _add_over_kafka(commands: Any) -> None:
    """Commands that read what Kafka holds."""
    trace = commands.add_parser(
        "trace", help="show everything that follows from an event, over all topics"
    )
    trace.add_argument("id", help="event id, command id or trace id")
    trace.add_argument(
        "--since-hours", type=float, default=24.0, help="how far back to read (default %(default)s)"
    )
    trace.add_argument("--json", action="store_true", help="machine-readable")
    lag = commands.add_parser("lag", help="show how far consumer groups are behind")
    lag.add_argument("--json", action="store_true", help="machine-readable")
    add_dead_letters(commands)
    add_approvals(commands)
    backfill = commands.add_parser(
        "backfill",
        help="read again what a platform lists as changed since a time",
        description="Reads what a platform lists as changed since a time, and writes it under the ids it always has: "
        "streams drop what they know. Running pollers are left alone; an interrupted backfill goes on where it was.",
    )
    backfill.add_argument(
        "what", metavar="SOURCE[/RESOURCE]", help="e.g. bigcommerce or bigcommerce/orders"
    )
    backfill.add_argument(
        "--since", required=True, metavar="TIME", help="ISO 8601; without a zone it is UTC"
    )
    backfill.add_argument("--until", metavar="TIME", help="the same (default: now)")
    backfill.add_argument("--dry-run", action="store_true", help="only count, write nothing")
    table = commands.add_parser(
        "table", help="show a row of a table or a state; without one, list them"
    )
    table.add_argument("name", nargs="?", help="a table, or state.<flow>.<leg>")
    table.add_argument("key", nargs="?", help="the row's key")
    table.add_argument(
        "--worker",
        action="append",
        default=[],
        metavar="URL",
        help="ops port of a stream worker; may be repeated (default GRIDWIRE_WORKER_URLS, or the changelog)",
    )
    table.add_argument("--json", action="store_true", help="the list machine-readable")


def _count(text: str) -> int:
    """A number of things to show, from 1 to SHOWN_MAX."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= SHOWN_MAX:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {SHOWN_MAX}")


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.dry_run:
        return int(_module("run").run(arguments.role))
    if arguments.role != "sinks":
        print(
            "--dry-run shows what sinks would send: gridwire run sinks --dry-run", file=sys.stderr
        )
        return WRONG
    return int(_module("run").dry_run(arguments.limit))


def dispatch(arguments: argparse.Namespace) -> int:
    """Runs the command; its module is imported only now, so that `--help` is quick."""
    name = arguments.command
    if name == "run":
        return _run(arguments)
    if name == "flows":
        return int(_module("show").flows(as_json=arguments.json))
    if name == "topics" and not arguments.apply:
        return int(_module("show").topics(as_json=arguments.json))
    if name == "check":
        show = _module("show")
        return int(show.check_live() if arguments.live else show.check())
    if name == "kafka":
        return int(_module("local").kafka(arguments.action, as_json=arguments.json))
    if name == "sandbox":
        return int(_module("local").sandbox(arguments.port))
    if name == "demo":
        return int(importlib.import_module("sandbox.demo").run(arguments.json, keep=arguments.keep))
    return _over_kafka(arguments)


def _over_kafka(arguments: argparse.Namespace) -> int:
    """Commands that read what Kafka holds, or write to it."""
    if arguments.command == "backfill":
        run = _module("backfill").backfill
        return int(run(arguments.what, arguments.since, arguments.until, dry_run=arguments.dry_run))
    guarded = _module("guard").guarded
    settings = load(KafkaSettings)
    if arguments.command == "topics":
        return int(guarded(settings, _module("show").apply_topics))
    if arguments.command == "table":
        # A worker may have the answer: then Kafka is not asked.
        return int(guarded(settings, lambda quiet: _table(quiet, arguments), at_once=False))
    return int(guarded(settings, lambda quiet: _read(quiet, arguments)))


def _read(settings: KafkaSettings, arguments: argparse.Namespace) -> int:
    if arguments.command == "dead-letters":
        return int(_module("dead_letters").run(settings, arguments))
    if arguments.command == "approvals":
        return int(_module("approvals.command").run(settings, arguments))
    if arguments.command == "lag":
        return int(_module("lag").lag(settings, _streams(), as_json=arguments.json))
    return int(
        _module("trace").trace(
            settings, arguments.id, since_hours=arguments.since_hours, as_json=arguments.json
        )
    )


def _table(settings: KafkaSettings, arguments: argparse.Namespace) -> int:
    streams = _streams()
    found = _module("table").table(
        settings,
        streams,
        arguments.name,
        arguments.key,
        workers=arguments.worker,
        as_json=arguments.json,
    )
    return int(found)


def _streams() -> Any:
    return load(importlib.import_module("streams.runtime.settings").StreamsSettings)


def _module(name: str) -> Any:
    return importlib.import_module(f"gridwire.commands.{name}")


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the console script."""
    try:
        load_env_file(Path(".env"))
        status = dispatch(parser().parse_args(arguments))
        sys.stdout.flush()  # here, where a reader that is gone can still be handled
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to fail
        return PIPE_CLOSED
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return 130
    return status


if __name__ == "__main__":
    sys.exit(main())
