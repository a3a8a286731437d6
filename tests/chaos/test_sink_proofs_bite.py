"""The verdict on broken sinks can fail: what a sound run leaves is spoilt, one way at a time, and each is named."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from gridwire.records import Receipt
from tests.chaos.proof.sink import KINDS, World, kind_of
from tests.chaos.proof.sink_verdict import REPLACING, Account, Seen, wrong

WORLD = World("p1", "http://127.0.0.1:1")
COUNT = 20  # commands, in two lanes; the fourth is unsafe and of unknown outcome
UNKNOWN = 3


def receipt(n: int, outcome: str = "delivered") -> Receipt:
    shown = {"outcome": outcome, "operation": "set_attributes", "platform": "acme", "lane": "l"}
    raw = {"command_id": WORLD.id_of(n), "flow": "f", "attempts": 1, "latency_ms": 1, **shown}
    return msgspec.convert(raw, Receipt)


def sound() -> Account:
    commands = [WORLD.command(n, KINDS[n % len(KINDS)], f"lane-{n % 2}") for n in range(COUNT)]
    effects = [(one.event_id, one.lane, n, kind_of(one)) for n, one in enumerate(commands)]
    values = {lane: n for _, lane, n, kind in effects if kind in REPLACING}
    receipts = [receipt(n, "unknown" if n == UNKNOWN else "delivered") for n in range(COUNT)]
    seen = Seen(tuple(effects), tuple(effects), values, {})
    return Account(tuple(commands), tuple(receipts), seen, ["outcome unknown"])


def effects(account: Account, *changed: int) -> Account:
    """With these effects (by their place) instead."""
    chosen = tuple(account.seen.effects[place] for place in changed)
    return replace(account, seen=replace(account.seen, effects=chosen))


ALL = range(COUNT)
SPOILT: dict[str, Callable[[Account], Account]] = {
    "commands without a receipt": lambda a: replace(a, receipts=a.receipts[:-1]),
    "commands with several receipts": lambda a: replace(a, receipts=(*a.receipts, receipt(0))),
    "receipts of nothing": lambda a: replace(a, receipts=(*a.receipts, receipt(COUNT))),
    "neither delivered nor unknown": lambda a: replace(
        a, receipts=(*a.receipts[:-1], receipt(COUNT - 1, "expired"))
    ),
    "unknown, though it could be repeated": lambda a: replace(
        a, receipts=(receipt(0, "unknown"), *a.receipts[1:]), letters=["unknown"] * 2
    ),
    "delivered without an effect": lambda a: effects(a, *ALL[1:]),
    "effects of nothing": lambda a: replace(a, commands=a.commands[:-1], receipts=a.receipts[:-1]),
    "done twice": lambda a: effects(a, *ALL, UNKNOWN),
    "lanes out of order": lambda a: effects(a, 2, 0, 1, *ALL[3:]),
    "lanes with an old value": lambda a: replace(
        a, seen=replace(a.seen, values={**a.seen.values, "lane-0": 0})
    ),
    "dead letters": lambda a: replace(a, letters=[]),
}


def test_what_a_sound_run_leaves_is_found_right() -> None:
    assert wrong(sound()) == []


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_named(what: str) -> None:
    assert what in [told.partition(":")[0] for told in wrong(SPOILT[what](sound()))]


def test_an_unsafe_command_that_was_done_twice_is_no_fault_where_it_was_asked_for() -> None:
    assert wrong(SPOILT["done twice"](sound()), careful=False) == []
