"""A bad deployment must not drain a topic into dead letters: past a run or a share of them the worker stops.

Both are counted per leg, over committed transactions, in memory: a worker that starts again counts anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from gridwire.limits import Limits, Watch
from gridwire.settings import SettingsError
from streams.engine.counts import CountKey, What
from streams.engine.outbox import Dead
from streams.runtime.fatal import FatalError

LegKey = tuple[str, str]  # flow id, leg name
WELL: frozenset[What] = frozenset({"processed", "kept", "filtered"})  # the leg knew what to do
UNREADABLE: LegKey = ("", "")  # dead letters of no leg: bytes that are no record
SETTINGS = {
    "in_a_row_max": "GRIDWIRE_DEAD_LETTERS_IN_A_ROW_MAX",
    "ratio_max": "GRIDWIRE_DEAD_LETTERS_RATIO_MAX",
}


class DeadLetterLimit:
    """`in_a_row_max`: letters of a leg without a record between that it knew what to do with, be it to leave it.
    `ratio_max`: their share of the leg's latest `ratio_records` records; 1 or more: only the run counts. Raises
    SettingsError where they make no sense.
    """

    def __init__(self, in_a_row_max: int, ratio_max: float, ratio_records: int) -> None:
        problems = []
        if in_a_row_max < 1:
            problems.append(
                "GRIDWIRE_DEAD_LETTERS_IN_A_ROW_MAX is less than 1: set it to 1 or more"
            )
        if not ratio_max > 0:
            problems.append("GRIDWIRE_DEAD_LETTERS_RATIO_MAX is not above 0: set it to e.g. 0.5")
        if ratio_records < 1:
            problems.append(
                "GRIDWIRE_DEAD_LETTERS_RATIO_RECORDS is less than 1: set it to e.g. 1000"
            )
        if problems:
            raise SettingsError(problems)
        self._limits = Limits(in_a_row_max, ratio_max, ratio_records)
        self._watches: dict[LegKey, Watch] = {}

    def committed(self, counts: Mapping[CountKey, int], letters: Sequence[Dead]) -> None:
        """Takes note of one commit: what became of records, by (flow, leg, what, reason), and its dead letters.

        Raises FatalError where a leg is over a limit; what was committed stays committed.
        """
        dead = Counter((letter.flow, letter.leg) for letter in letters)
        taken: Counter[LegKey] = Counter()
        well: set[LegKey] = set()
        for (flow, leg, what, _), count in counts.items():
            if what in WELL and count > 0:
                well.add((flow, leg))
            if what == "in":
                taken[flow, leg] += count
        if taken.total():
            well.add(UNREADABLE)
        taken[UNREADABLE] = taken.total() + dead[UNREADABLE]
        for key in taken.keys() | dead.keys():
            watch = self._watches.setdefault(key, Watch(self._limits))
            # In what order is not known: at worst all letters came last.
            excess = watch.add(taken[key], dead[key], well=key in well)
            if excess is not None:
                raise FatalError(_advice(key, excess.text("dead letters"), SETTINGS[excess.limit]))


def _advice(key: LegKey, what: str, setting: str) -> str:
    flow, leg = key
    who = f"{flow}/{leg}" if flow else "reading"
    chosen = f"--flow {flow} --leg {leg}" if flow else "--topic streams --unreadable"
    return (
        f"{who}: {what} ({setting}). The worker stops, so that the topic is not drained into "
        f"dead-letter.streams. Look at them with `gridwire dead-letters list {chosen}`, mend the cause (a deployment, "
        "a schema, a setting), start the worker again, then write them back with "
        f"`gridwire dead-letters replay {chosen}`. If so many are to be expected, raise {setting}."
    )
