"""Compares what stands in the topics with what the oracle says, and names every difference by its kind."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.chaos.proof.observed import Observed
from tests.chaos.proof.oracle import Expected, held_windows

Kind = Literal[
    "lost", "duplicated", "stranger", "reordered", "wrong value", "table", "timer", "dead letter"
]
KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
TOLD_MAX = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """One difference. `where`: topic, table or leg."""

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


def faults(expected: Expected, seen: Observed) -> list[Fault]:
    """All differences; empty where the proof holds."""
    return [
        *_outputs(expected, seen),
        *_windows(expected, seen),
        *_reminders(expected, seen),
        *_rows(expected, seen),
        *_tables(expected, seen),
        *_letters(expected, seen),
        *(Fault("table", "changelogs", text) for text in seen.wrong),
        *_ids(seen),
    ]


def told(found: Sequence[Fault]) -> str:
    """The faults for people: counted by kind, with examples."""
    if not found:
        return ""
    kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(f.kind for f in found).items())
    return "\n  ".join([kinds, *(str(fault) for fault in found[:TOLD_MAX])])


def _sequence(
    where: str, expected: Mapping[str, Sequence[Any]], seen: Mapping[str, Sequence[Any]]
) -> Iterator[Fault]:
    """Values per key: each once, none besides, in order. A value begins with its id."""
    for key in expected.keys() | seen.keys():
        wanted, got = list(expected.get(key, ())), list(seen.get(key, ()))
        if wanted == got:
            continue
        wanted_ids, got_ids = [_id(v) for v in wanted], [_id(v) for v in got]
        lost, strangers = set(wanted_ids) - set(got_ids), set(got_ids) - set(wanted_ids)
        twice = [one for one, n in Counter(got_ids).items() if n > 1]
        if lost:
            yield Fault("lost", where, f"{key}: {len(lost)}, e.g. {sorted(lost)[:2]}")
        if strangers:
            yield Fault("stranger", where, f"{key}: {sorted(strangers)[:2]}")
        if twice:
            yield Fault("duplicated", where, f"{key}: {len(twice)}, e.g. {twice[:2]}")
        once = [one for one in dict.fromkeys(got_ids) if one not in strangers]
        if once != [one for one in wanted_ids if one not in lost]:
            yield Fault("reordered", where, f"{key}")
        elif not (lost or strangers or twice):
            wrong = [(w, g) for w, g in zip(wanted, got, strict=True) if w != g]
            yield Fault("wrong value", where, f"{key}: {wrong[0]}, {len(wrong)} of {len(got)}")


def _id(value: Any) -> str:
    return str(value[0]) if isinstance(value, tuple) else str(value)


def _outputs(expected: Expected, seen: Observed) -> Iterator[Fault]:
    users, orders = expected.users, expected.orders
    yield from _sequence("joined", {u: v.joined for u, v in users.items()}, seen.joined)
    yield from _sequence("copied", {u: v.copied for u, v in users.items()}, seen.copied)
    yield from _sequence("tallies", {u: v.tallies for u, v in users.items()}, seen.tallies)
    noted = {ref: [one for one, _ in values] for ref, values in seen.noted.items()}
    yield from _sequence("noted", {r: o.notes for r, o in orders.items()}, noted)
    rows = {ref: [one for one, _ in values] for ref, values in seen.rows.items()}
    yield from _sequence("rows", {r: o.updates for r, o in orders.items()}, rows)


def _windows(expected: Expected, seen: Observed) -> Iterator[Fault]:
    """Each window is closed once by its timer, then amended step by step up to its last count."""
    wanted = {
        (name, start): (w.count, w.units)
        for name, user in expected.users.items()
        for start, w in user.windows.items()
    }
    for place in wanted.keys() | seen.windows.keys():
        got = seen.windows.get(place, [])
        amendments = [amendment for amendment, _, _ in got]
        if place not in wanted:
            yield Fault("stranger", "windows", f"{place}")
        elif not got:
            yield Fault("timer", "windows", f"{place} was never closed")
        elif amendments != list(range(len(got))):
            yield Fault("timer", "windows", f"{place} closed and amended as {amendments[:8]}")
        elif got[-1][1:] != wanted[place]:
            yield Fault("wrong value", "windows", f"{place}: {got[-1][1:]}, not {wanted[place]}")
        elif [count for _, count, _ in got] != sorted({count for _, count, _ in got}):
            yield Fault("reordered", "windows", f"{place}: counts {[c for _, c, _ in got][:8]}")


def _reminders(expected: Expected, seen: Observed) -> Iterator[Fault]:
    """Each timer fires once, never early; a cancelled one not at all."""
    for name in expected.users.keys() | seen.reminders.keys():
        wanted = expected.users[name].reminders if name in expected.users else {}
        got = seen.reminders.get(name, [])
        fired = Counter(timer for timer, _, _ in got)
        if missing := wanted.keys() - fired.keys():
            yield Fault("timer", "reminders", f"{name}: {len(missing)} never fired")
        if again := [timer for timer, n in fired.items() if n > 1]:
            yield Fault("timer", "reminders", f"{name}: {again[:2]} fired more than once")
        if strangers := fired.keys() - wanted.keys():
            yield Fault("timer", "reminders", f"{name}: {sorted(strangers)[:2]} should not fire")
        early = [timer for timer, due, at in got if at < due or wanted.get(timer, due) != due]
        if early:
            yield Fault("timer", "reminders", f"{name}: {early[:2]} fired at a wrong time")


def _rows(expected: Expected, seen: Observed) -> Iterator[Fault]:
    """A row is seen as it stood after its update or a later one of the same round, never as before, never backwards."""
    for ref, order in expected.orders.items():
        reached = 0
        for n, (_, version) in enumerate(seen.rows.get(ref, ())):
            place = next(
                (
                    k
                    for k in range(max(reached, n), len(order.versions))
                    if order.versions[k] == version
                ),
                None,
            )
            if place is None:
                yield Fault("wrong value", "rows", f"{ref}: update {n} saw version {version}")
                break
            reached = place
        last = seen.rows[ref][-1][1] if seen.rows.get(ref) else 0
        if order.versions and last != order.versions[-1]:
            yield Fault("table", "rows", f"{ref}: outputs end at {last}, not {order.versions[-1]}")


def _tables(expected: Expected, seen: Observed) -> Iterator[Fault]:
    """What the changelogs amount to."""
    users, tables = expected.users, seen.tables
    tally = {u: v.tallies[-1][1:] for u, v in users.items() if v.tallies}
    got: dict[str, Any] = {
        u: (row[0]["n"], row[0]["total"]) for u, row in tables.get("tally", {}).items()
    }
    yield from _same("tally", tally, got)
    windows = {u: (v.newest, held_windows(v)) for u, v in users.items() if v.windows}
    got = {u: _held(row[0]) for u, row in tables.get("windows", {}).items()}
    yield from _same("windows", windows, got)
    far = {u: (v.far, v.far) for u, v in users.items() if v.far}
    got = {u: (row[0]["due"], row[1]) for u, row in tables.get("remind", {}).items()}
    yield from _same("remind", far, got)
    orders = {r: o.versions[-1] for r, o in expected.orders.items() if o.versions}
    kept = {ref: version for ref, version in orders.items() if version}
    yield from _same("orders", kept, {r: row.version for r, row in tables["orders"].items()})
    yield from _same("parked", {}, tables["parked"])


def _held(state: Mapping[str, Any]) -> tuple[int, dict[str, tuple[int, int]]]:
    held = {start: (w["count"], w["units"]) for start, w in state["held"].items()}
    return state["newest"], held


def _same(where: str, wanted: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Fault]:
    for key in sorted(wanted.keys() | got.keys()):
        if wanted.get(key) != got.get(key):
            text = f"{key}: {str(got.get(key))[:80]}, not {str(wanted.get(key))[:80]}"
            yield Fault("table", where, text)


def _letters(expected: Expected, seen: Observed) -> Iterator[Fault]:
    """Each dead letter once, with the original bytes."""
    got = Counter(place for place, _, _ in seen.dead)
    for place in expected.dead.keys() | got.keys():
        if place not in expected.dead:
            why = next(reason for at, _, reason in seen.dead if at == place)
            yield Fault("dead letter", "dead letters", f"{place} should not be one: {why}")
        elif got[place] != 1:
            yield Fault("dead letter", "dead letters", f"{place}: {got[place]} letters")
    for place, pair, _ in seen.dead:
        if place in expected.dead and expected.dead[place] != pair:
            yield Fault("dead letter", "dead letters", f"{place}: not the original bytes")


def _ids(seen: Observed) -> Iterator[Fault]:
    twice = [one for one, n in Counter(seen.ids).items() if n > 1]
    if twice:
        yield Fault("duplicated", "event ids", f"{len(twice)} ids twice, e.g. {twice[:2]}")
