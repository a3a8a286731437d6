"""The arguments of `gridwire approvals`. Imported by every command, so it imports next to nothing itself."""

import argparse
import re
from typing import Any

HELP = "list what waits for a person's decision, grant or refuse it"
STATES = ("open", "granted", "refused", "expired")
LIST_MAX = 100
NOTE_CHARS_MAX = 500
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def add_approvals(commands: Any) -> None:
    """Adds the command and its actions to the command line."""
    top = commands.add_parser("approvals", help=HELP)
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list approvals, the next to expire first")
    listing.add_argument(
        "--state",
        choices=(*STATES, "any"),
        default="open",
        help="only approvals of this state (default %(default)s)",
    )
    listing.add_argument("--flow", help="id of the flow that asked")
    listing.add_argument(
        "--limit", type=_positive, default=LIST_MAX, help="at most so many (default %(default)s)"
    )
    listing.add_argument("--json", action="store_true", help="machine-readable, one a line")
    for name, what in (("grant", "let the flow go on"), ("refuse", "let it do what it may alone")):
        acting = actions.add_parser(name, help=what)
        acting.add_argument(
            "approvals", nargs="+", type=_id, metavar="ID", help="an approval's id, as listed"
        )
        acting.add_argument("--by", help="who decides (default: the user of this machine)")
        acting.add_argument(
            "--note",
            type=_note,
            default="",
            help="why; it is kept with the decision, so without personal data",
        )


def _id(text: str) -> str:
    found = text.strip().lower()
    if ID.fullmatch(found) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no id: `gridwire approvals list` has them")
    return found


def _note(text: str) -> str:
    if len(text) > NOTE_CHARS_MAX:
        raise argparse.ArgumentTypeError(f"a note has at most {NOTE_CHARS_MAX} characters")
    return text


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)
