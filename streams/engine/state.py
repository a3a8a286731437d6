"""All state of one partition: tables, private states of folds, and the timers that hang on them."""

from collections.abc import Mapping
from typing import Any

from gridwire.codec import Codec
from streams.engine.expiry import Expiry
from streams.engine.plan import BoundLeg, Plan, table_store
from streams.engine.rows import Home, MemoryHome, StateError
from streams.engine.settle import Before, Settled
from streams.engine.store import FoldStore, Held, Store, TableStore, encode_held
from streams.engine.timers import Timers
from streams.flow import Fold, Table


class State:
    """What the legs of a plan know in one partition. `home`: where the committed rows live."""

    def __init__(self, plan: Plan, codec: Codec, home: Home | None = None) -> None:
        home = home or MemoryHome()
        self.stores = {name: Store(name, home.rows(name)) for name in plan.stores}
        self.tables = {
            table.name: TableStore(self.stores[table_store(table)], codec.of(table.changelog))
            for table in plan.partitioned
        }
        self.folds = {
            leg.label: FoldStore(self.stores[leg.store], leg.leg.state)
            for leg in plan.legs
            if leg.store and isinstance(leg.leg, Fold) and not isinstance(leg.leg.state, Table)
        }
        self.timers = {
            label: Timers(states, home.dues(states.store.name))
            for label, states in self.folds.items()
        }
        self._timers_of = {states.store.name: self.timers[n] for n, states in self.folds.items()}
        self._expiries = {
            table.name: Expiry(self.tables[table.name], table.retain_days)
            for table in plan.partitioned
            if table.retain_days is not None
        }

    def before(self, bound: BoundLeg, key: str | None) -> Before:
        """The state of a key as a leg finds it."""
        if key is None or not isinstance(bound.leg, Fold):
            return Before(key)
        if isinstance(bound.leg.state, Table):
            return Before(key, row=self.tables[bound.leg.state.name].get(key))
        return Before(key, held=self.folds[bound.label].get(key))

    def apply(self, bound: BoundLeg, settled: Settled) -> tuple[str, str] | None:
        """The new state of a key; returns (table, key) where a row that others may wait for came."""
        if settled.key is None or not settled.changed or not isinstance(bound.leg, Fold):
            return None
        if isinstance(bound.leg.state, Table):
            table = bound.leg.state.name
            self.tables[table].put(settled.key, settled.row, settled.raw)
            return table, settled.key
        self.folds[bound.label].put(settled.key, settled.held, settled.raw)
        if settled.due_ms:
            self.timers[bound.label].note(settled.key, settled.due_ms)
        return None

    def hold(self, label: str, key: str, held: Held[Any]) -> None:
        """The private state of a key; sets none of its timers."""
        self.folds[label].put(key, held, encode_held(held))

    def drain(self) -> Mapping[str, Mapping[str, bytes | None]]:
        """Rows that changed since the last drain: store → key → value, or None where deleted."""
        changed = {name: store.drain() for name, store in self.stores.items()}
        return {name: rows for name, rows in changed.items() if rows}

    def seal(self) -> None:
        """What changed so far is being committed; what changes from now on belongs to the next transaction."""
        for store in self.stores.values():
            store.seal()
        for timers in self.timers.values():
            timers.seal()

    def commit(self) -> None:
        """What was sealed is committed; or all that changed, where nothing was."""
        for store in self.stores.values():
            store.commit()
        for timers in self.timers.values():
            timers.commit()

    def abort(self) -> None:
        """Drops what is not committed, sealed or not."""
        for store in self.stores.values():
            store.abort()
        for states in self.folds.values():
            states.abort()
        for table in self.tables.values():
            table.abort()
        for timers in self.timers.values():
            timers.abort()

    def restore(self, store: str, entries: Mapping[str, bytes | None]) -> None:
        """Changelog entries of a store, of each key the last one."""
        self.stores[store].restore_all(entries)
        if store in self._timers_of:
            self._timers_of[store].restored(entries)

    def rebuild(self) -> None:
        """The stores were restored: timers are built anew.

        Raises StateError where this version cannot read the private states of a fold.
        """
        for store in self.stores.values():
            len(
                store
            )  # counted now: on disk that takes a while, and gauges are read in the event loop
        for states in self.folds.values():
            _check_readable(states)
        for timers in self.timers.values():
            timers.rebuild()

    def expire(self, now_ms: int) -> Mapping[str, int]:
        """Deletes some of the rows that their tables retain no longer; how many, by table."""
        counts = {}
        for table, expiry in self._expiries.items():
            expired = expiry.step(now_ms)
            for key in expired:
                self.tables[table].put(key, None, None)
            if expired:
                counts[table] = len(expired)
        return counts

    def unreadable(self) -> Mapping[tuple[str, str], int]:
        """How many rows could not be decoded since the last call, by (store, reason)."""
        found: dict[tuple[str, str], int] = {}
        held: list[TableStore | FoldStore] = [*self.tables.values(), *self.folds.values()]
        for states in held:
            for reason, count in states.unreadable.take().items():
                found[states.store.name, reason] = count
        return found

    def next_due_ms(self) -> int | None:
        dues = [timers.next_due_ms() for timers in self.timers.values()]
        dues += [expiry.next_ms() for expiry in self._expiries.values()]
        return min((due for due in dues if due is not None), default=None)


def _check_readable(states: FoldStore) -> None:
    """One bad state costs the records of its key. More than half of them means that the state's type was changed."""
    bad, seen = states.sample()
    if bad * 2 > seen:
        raise StateError(
            f"{states.store.name}: {bad} of the first {seen} states cannot be read by this version "
            f"({len(states.store)} states here; nothing is lost). Run the version that wrote them, or one whose "
            "state only has new fields with defaults (docs/adr/0010-state-that-evolves.md); or give the states up: "
            "stop all workers, delete the changelog topic of this name, and start again with none"
        )
