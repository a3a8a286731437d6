"""What must hold for all commands, whatever happened to the sinks. Pure: told apart from how it came about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gridwire.records import BrazeCommand, Receipt
from tests.chaos.proof.sink import kind_of

Write = tuple[str, str, int, str]  # id, lane, n, kind
REPLACING = ("natural", "bulk")
ONCE = ("keyed", "lookup")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the target has seen: `writes` came to do something, `effects` did it; `values`: lane → n."""

    writes: tuple[Write, ...]
    effects: tuple[Write, ...]
    values: dict[str, int]
    troubles: dict[str, int]

    def written(self) -> Counter[str]:
        """Id → how many requests came to carry it out."""
        return Counter(id_ for id_, *_ in self.writes)

    def done(self) -> Counter[str]:
        """Id → how many effects it had."""
        return Counter(id_ for id_, *_ in self.effects)


@dataclass(frozen=True, slots=True)
class Account:
    """Commands in the order in which they were given; what came of them. `letters`: reasons of dead letters."""

    commands: tuple[BrazeCommand, ...]
    receipts: tuple[Receipt, ...]
    seen: Seen
    letters: Sequence[str]


def wrong(found: Account, *, careful: bool = True) -> list[str]:
    """Everything that is lost, repeated or out of order; empty where all is right. `careful`: at most once."""
    kinds = {one.event_id: kind_of(one) for one in found.commands}
    ended = Counter(receipt.command_id for receipt in found.receipts)
    outcomes = {receipt.command_id: receipt.outcome for receipt in found.receipts}
    done = found.seen.done()
    unsafe = {id_ for id_, kind in kinds.items() if kind == "unsafe"}
    once = {id_ for id_, kind in kinds.items() if kind in ONCE or (careful and kind == "unsafe")}
    unknown = {id_ for id_, outcome in outcomes.items() if outcome == "unknown"}
    delivered = {id_ for id_, outcome in outcomes.items() if outcome == "delivered"}
    faults = {
        "commands without a receipt": kinds.keys() - ended.keys(),
        "commands with several receipts": {id_ for id_, n in ended.items() if n > 1},
        "receipts of nothing": ended.keys() - kinds.keys(),
        "neither delivered nor unknown": ended.keys() - delivered - unknown,
        "unknown, though it could be repeated": unknown - unsafe,
        "delivered without an effect": {id_ for id_ in delivered if not done[id_]},
        "effects of nothing": done.keys() - kinds.keys(),
        "done twice": {id_ for id_ in once if done[id_] > 1},
        "lanes out of order": _out_of_order(found.seen),
        "lanes with an old value": _stale(found),
    }
    told = [f"{what}: {sorted(ids)[:3]} of {len(ids)}" for what, ids in faults.items() if ids]
    if len(found.letters) != len(unknown):
        told.append(f"dead letters: {len(found.letters)} for {len(unknown)} unknown outcomes")
    return told


def _out_of_order(seen: Seen) -> set[str]:
    """Lanes whose commands had their first effects in another order than they were given."""
    first: dict[str, list[int]] = {}
    known: set[str] = set()
    for id_, lane, n, _ in seen.effects:
        if id_ not in known:
            known.add(id_)
            first.setdefault(lane, []).append(n)
    return {lane for lane, numbers in first.items() if numbers != sorted(numbers)}


def _stale(found: Account) -> set[str]:
    """Lanes whose value is not that of the last command that replaces it."""
    last = {
        command.lane: n for n, command in enumerate(found.commands) if kind_of(command) in REPLACING
    }
    return {lane for lane, n in last.items() if found.seen.values.get(lane) != n}
