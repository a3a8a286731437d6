"""Secrets come from the environment or mounted files, as values that do not print themselves."""

import argparse
import re
from collections.abc import Iterator

from connectors.registry import CONNECTORS
from gridwire.cli import parser
from gridwire.commands.configuration import CLASSES
from gridwire.settings import Setting, declared

LIKE_A_SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|API_KEY|PRIVATE")
NONE_ALL_THE_SAME = {"TG_TOKEN_URL"}  # an address


def settings() -> list[Setting]:
    classes = [*CLASSES, *(connector.settings for connector in CONNECTORS)]
    return [setting for cls in classes for setting in declared(cls)]


def test_what_is_called_a_secret_is_read_as_one() -> None:
    called = [one for one in settings() if LIKE_A_SECRET.search(one.env.name)]
    assert len(called) > len(CONNECTORS)
    open_ = [one.env.name for one in called if not one.private]
    assert set(open_) == NONE_ALL_THE_SAME, f"annotate with Secret: {open_}"


def test_no_secret_has_a_default() -> None:
    assert [
        one.env.name for one in settings() if one.secret and not one.required and one.default
    ] == []


def options(command: argparse.ArgumentParser) -> Iterator[str]:
    """Names of everything that a command and its own commands can be given."""
    for action in command._actions:
        yield from action.option_strings or [action.dest]
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)


def test_no_command_takes_a_secret_where_a_list_of_processes_shows_it() -> None:
    names = list(options(parser()))
    assert "--dry-run" in names
    assert [name for name in names if LIKE_A_SECRET.search(name.upper().replace("-", "_"))] == []
