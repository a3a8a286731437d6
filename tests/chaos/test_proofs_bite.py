"""The proofs can fail: a product broken on purpose is found out, and every kind of difference has its name."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.proof.faults import Chosen
from tests.chaos.proof.mutations import MUTATIONS
from tests.chaos.proof.observed import Observed
from tests.chaos.proof.oracle import Expected
from tests.chaos.proof.scene import LOOK_S, SETTLE_S, Scene, kinds
from tests.chaos.proof.verdict import KINDS, faults
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.timeout(600)]

Spoil = Callable[[Observed], object]


def _user(seen: Observed) -> str:
    return max(seen.tallies, key=lambda user: len(seen.tallies[user]))


def _swap(values: list[Any]) -> None:
    values[1], values[2] = values[2], values[1]


def _busy(seen: Observed) -> list[Any]:
    return max(seen.noted.values(), key=len)


def _amended(seen: Observed) -> list[tuple[int, int, int]]:
    return max(seen.windows.values(), key=len)


SPOILS: dict[str, tuple[str, Spoil]] = {
    "an output is missing": ("lost", lambda s: s.joined[_user(s)].pop()),
    "an output of a batch is missing": ("lost", lambda s: s.copied[_user(s)].pop(3)),
    "an output came twice": (
        "duplicated",
        lambda s: s.joined[_user(s)].append(s.joined[_user(s)][0]),
    ),
    "an event id came twice": ("duplicated", lambda s: s.ids.append(s.ids[0])),
    "an output of nothing": ("stranger", lambda s: s.copied[_user(s)].append("of nothing")),
    "two outputs changed places": ("reordered", lambda s: _swap(s.joined[_user(s)])),
    "a released note overtook another": (
        "reordered",
        lambda s: _swap(_busy(s)),
    ),
    "a joined row is another": (
        "wrong value",
        lambda s: s.joined[_user(s)].__setitem__(0, (s.joined[_user(s)][0][0], "P-other", 1)),
    ),
    "a running number is off": (
        "wrong value",
        lambda s: s.tallies[_user(s)].__setitem__(4, (*s.tallies[_user(s)][4][:2], -1)),
    ),
    "a window lacks an event": (
        "wrong value",
        lambda s: _amended(s).__setitem__(-1, (len(_amended(s)) - 1, 0, 0)),
    ),
    "a row is seen as it was before": (
        "wrong value",
        lambda s: next(iter(s.rows.values())).__setitem__(
            0, (next(iter(s.rows.values()))[0][0], -1)
        ),
    ),
    "a window was closed twice": ("timer", lambda s: _amended(s).insert(0, _amended(s)[0])),
    "a window was never closed": ("timer", lambda s: _amended(s).clear()),
    "a reminder fired twice": (
        "timer",
        lambda s: s.reminders[_user(s)].append(s.reminders[_user(s)][0]),
    ),
    "a reminder never fired": ("timer", lambda s: s.reminders[_user(s)].pop()),
    "a reminder fired too early": (
        "timer",
        lambda s: s.reminders[_user(s)].__setitem__(0, (*s.reminders[_user(s)][0][:2], 0)),
    ),
    "a row of the changelog is old": (
        "table",
        lambda s: s.tables["tally"][_user(s)].__setitem__(0, {"n": 1, "total": 1}),
    ),
    "a row of the changelog is missing": ("table", lambda s: s.tables["orders"].popitem()),
    "a timer is left over": (
        "table",
        lambda s: s.tables["remind"].update({"x": [{"due": {}}, {"x": 1}]}),
    ),
    "a record is still parked": ("table", lambda s: s.tables["parked"].update({"0/0": []})),
    "a key lives in two partitions": ("table", lambda s: s.wrong.append("tally: u1 in two")),
    "a dead letter is missing": ("dead letter", lambda s: s.dead.pop()),
    "a dead letter came twice": ("dead letter", lambda s: s.dead.append(s.dead[0])),
    "a dead letter's bytes are others": (
        "dead letter",
        lambda s: s.dead.__setitem__(0, (s.dead[0][0], (s.dead[0][1][0], b"others"), "")),
    ),
    "a record is dead for no reason": (
        "dead letter",
        lambda s: s.dead.append((("t", 0, 0, "join"), (None, None), "none")),
    ),
}


@pytest.mark.proof("bites", events=800, notes=200)
def test_the_oracle_names_every_kind_of_difference(scene: Scene) -> None:
    """What a sound run has left is spoilt in one place at a time: exactly that is noticed."""
    scene.write(1.0)
    worker = scene.worker()
    worker.start()
    assert scene.verdict(worker) == []
    assert scene.last is not None
    unnoticed = [name for name, spoil in SPOILS.items() if not _noticed(*scene.last, *spoil)]
    assert unnoticed == []
    assert {kind for kind, _ in SPOILS.values()} == set(KINDS)


def _noticed(expected: Expected, seen: Observed, kind: str, spoil: Spoil) -> bool:
    spoilt = copy.deepcopy(seen)
    spoil(spoilt)
    return kind in kinds(faults(expected, spoilt))


# What each mutation must at least be found out by. A failed produce, or a redelivered id, is enough for each.
FOUND_BY = {
    "never goes back": {"lost"},
    "keeps aborted state": {"lost"},
    "commits instead of aborting": {"duplicated"},
    "forgets ids": {"duplicated"},
    "turns batches round": {"reordered"},
    "writes no tombstones": {"table"},
}


@pytest.mark.thorough
@pytest.mark.proof("mutants", events=800, notes=200)
@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_a_worker_broken_on_purpose_is_found_out(scene: Scene, mutation: str) -> None:
    scene.write(1.0)
    worker = scene.worker(
        chosen=Chosen(seed=scene.seed, rate=0.6, only=("batch_partial",), mutation=mutation)
    )
    worker.start()
    until(scene.stands_still, "it stands still", SETTLE_S, LOOK_S)
    found = kinds(scene.verdict(worker, settled=True))
    assert found >= FOUND_BY[mutation], found


@pytest.mark.thorough
@pytest.mark.proof("at-least-once", events=800, notes=200)
def test_at_least_once_repeats_where_exactly_once_would_not(scene: Scene) -> None:
    """A kill between outputs and the state that remembers them: what the weaker setting costs is seen."""
    scene.write(1.0)
    worker = scene.worker(chosen=Chosen(die_at_flush=2), GRIDWIRE_DELIVERY="at_least_once")
    worker.start()
    scene.ended(worker)
    scene.arm(worker, Chosen())
    worker.start()
    until(scene.all_read, "all is read", SETTLE_S, LOOK_S)
    assert "duplicated" in kinds(scene.verdict(worker, settled=True))
