"""The arguments of `gridwire dead-letters`. Imported by every command, so it imports next to nothing itself."""

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from gridwire.replays import LetterId
from gridwire.topics import DEAD_LETTERS

LIST_MAX = 100
ACTS_MAX = 1_000
AGO = re.compile(r"(\d+)([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SHORT = tuple(one.name.partition(".")[2] for one in DEAD_LETTERS)
HELP = "list, show, write back or discard dead letters"


def add_dead_letters(commands: Any) -> None:
    """Adds the command and its actions to the command line."""
    top = commands.add_parser("dead-letters", help=HELP)
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list letters, oldest first")
    _add_filters(listing)
    listing.add_argument(
        "--state",
        choices=("open", "replayed", "discarded", "any"),
        default="any",
        help="only letters of which this became (default %(default)s)",
    )
    listing.add_argument(
        "--count", action="store_true", help="how many there are, by flow and reason"
    )
    _add_limit(listing, LIST_MAX)
    show = actions.add_parser("show", help="show letters in full, without personal data")
    show.add_argument("letters", nargs="+", type=_letter, metavar="ID", help=ID_HELP)
    show.add_argument(
        "--raw",
        nargs="?",
        const="hex",
        choices=("hex", "base64"),
        help="also the bytes as they are, personal data and all (default hex)",
    )
    show.add_argument("--json", action="store_true", help="machine-readable")
    replay = actions.add_parser("replay", help="write open letters back to where they came from")
    replay.add_argument(
        "--even-if-sent",
        action="store_true",
        help="also commands that the platform may have carried out",
    )
    replay.add_argument(
        "--even-if-overtaken",
        action="store_true",
        help="also commands behind which newer ones that wrote the same object stand",
    )
    discard = actions.add_parser("discard", help="mark open letters as done with")
    for acting in (replay, discard):
        _add_filters(acting)
        acting.add_argument("--all", action="store_true", help="every open letter")
        acting.add_argument("--dry-run", action="store_true", help="only say what would be done")
        _add_limit(acting, ACTS_MAX)


ID_HELP = "<topic>/<partition>/<offset>, as listed"


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("letters", nargs="*", type=_letter, metavar="ID", help=ID_HELP)
    parser.add_argument(
        "--topic", choices=SHORT, help="of dead-letter.<topic> alone (default: all of them)"
    )
    parser.add_argument(
        "--flow", help="flow id (with all of its legs) or connector; - for letters of none"
    )
    parser.add_argument("--leg", help="leg of a flow")
    parser.add_argument("--reason", help="the reason, as listed")
    parser.add_argument("--source-topic", help="topic of the original record")
    parser.add_argument("--partition", type=int, help="partition of the original record")
    parser.add_argument("--key", help="key of the original record")
    parser.add_argument("--trace", help="trace id")
    parser.add_argument("--event", help="event id of the original record")
    parser.add_argument("--unreadable", action="store_true", help="whose bytes were no record")
    parser.add_argument(
        "--since", type=_moment, help="failed at or after: 2h, 30m, 7d, or 2026-05-01T12:00"
    )
    parser.add_argument("--until", type=_moment, help="failed before, in the same form (UTC)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def _add_limit(parser: argparse.ArgumentParser, most: int) -> None:
    parser.add_argument(
        "--limit", type=_positive, default=most, help="at most so many (default %(default)s)"
    )


def _letter(text: str) -> LetterId:
    try:
        return LetterId.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def _moment(text: str) -> int:
    """Epoch milliseconds of a time, or of so long ago."""
    ago = AGO.fullmatch(text)
    try:
        if ago:
            at = datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write 2h, 30m, 7d, or 2026-05-01T12:00"
        ) from error
    known = at if at.tzinfo else at.replace(tzinfo=UTC)
    return round(known.timestamp() * 1000)
