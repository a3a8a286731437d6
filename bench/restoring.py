"""How long a worker takes to restore a large table, and how much memory that costs.

A worker starts on events that need rows of the table. It says itself how long restoring took (`/metrics`); from outside
we see how long it took from its start to the last output of these events, and how much more memory it held than with an
empty table. Every output must carry what its row says, and the group must have been assigned once.
"""

import http.client
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from bench import counting, observing, subjects, workload
from bench.peers import wire
from bench.subjects import SAID_MAX, STOP_S_MAX, Started, Subject
from bench.workload import Encoded
from bench.world import READS, WRITES, Load, World, changelogs_of, written_by
from gridwire import topics
from gridwire.ids import derived, trace_of
from gridwire.records import Customer, Engagement
from sandbox.ports import free_port
from streams.tables import CUSTOMERS

FLOWS = "known"
PROBES = 1_000
FIRST_OUTPUT_S_MAX = 180.0
POLL_S = 0.025
METRICS_S_MAX = 10.0
REGIONS = ("US-CA", "US-NY", "US-TX", "GB", "DE-BY", "DE", "FR")
MB = 1_000_000


class RestoreError(Exception):
    """The table was not restored, or not rightly; the message says what was seen."""


@dataclass(frozen=True, slots=True)
class Restored:
    """One start of a worker.

    `seconds`: that it restored, as it says. `start_s`: from its start until the last output. `peak_bytes`: the most
    memory it held.
    """

    seconds: float
    start_s: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What a table costs at start. `megabytes`: on top of an empty one. `start_s`: see Restored."""

    rows: int
    updates: int
    seconds: float
    start_s: float
    megabytes: float

    def __str__(self) -> str:
        return (
            f"restore: {self.rows:,} rows, {self.rows * self.updates:,} entries: {self.seconds:.1f} s, "
            f"{self.start_s:.1f} s from the worker's start to its outputs, {self.megabytes:,.0f} MB"
        )


def region_of(number: int, update: int) -> str:
    """Where the customer with this number lives since its last update."""
    return REGIONS[(number + update) % len(REGIONS)]


def customers(count: int, update: int, base_ms: int) -> Iterator[Customer]:
    """`count` rows as the feed writes them; `update` counts from 1."""
    for number in range(count):
        event_id = derived("bench", "customer", number, update)
        yield Customer(
            event_id=event_id,
            occurred_at=base_ms + update,
            produced_at=base_ms + update,
            source="feed.customers/merge",
            version=base_ms + update,
            trace_id=trace_of(event_id),
            causation_id=event_id,
            customer_ref=workload.user_id(number),
            known_to_braze=True,
            email="subscribed",
            push="opted_in",
            sms="unknown",
            region=region_of(number, update),
        )


def write_rows(world: World, count: int, update: int) -> None:
    """One update of every row into the table's changelog."""
    rows = customers(count, update, world.base_ms)
    workload.load_records(world.settings, world.codec, CUSTOMERS.changelog, rows)


def probes(world: World, rows: int) -> list[Encoded]:
    """Events of known users that do not say where they happened: the table knows."""
    chance = random.Random(workload.SEED)
    crowd = workload.Crowd(users=max(1, rows))
    made = workload.events(PROBES, world.base_ms, name=f"probe-{chance.random()}", crowd=crowd)
    at_home: Iterator[Engagement] = (msgspec.structs.replace(one, region=None) for one in made)
    return list(workload.as_encoded(world.codec, topics.BRAZE_ENGAGEMENT, at_home))


def measure(world: World, rows: int, updates: Iterable[int]) -> Iterator[Growth]:
    """Rows written so many times, restored; one after the other. Raises RestoreError."""
    work = probes(world, rows)
    world.fresh(READS)
    workload.load(world.settings, READS, work)
    probing = replace(world, load=work)
    try:
        empty = _start(probing, 0, 1)
        for count in updates:
            full = _start(probing, rows, count)
            grown = (full.peak_bytes - empty.peak_bytes) / MB
            yield Growth(rows, count, full.seconds, full.start_s, grown)
    finally:
        world.dirty.add(READS)


def _subject(port: int) -> Subject:
    def command(world: World, group: str, load: Load) -> list[str]:
        words = subjects.worker_command(world, FLOWS, reads=load.topic, group=group)
        return [*words, "--ops-port", str(port)]

    shows = written_by(FLOWS)
    return Subject("restore/table", command, lambda _group: shows, changelogs_of(FLOWS))


def _start(world: World, rows: int, updates: int) -> Restored:
    def fill(filled: World) -> None:
        for update in range(1, updates + 1):
            write_rows(filled, rows, update)

    port = free_port()
    at_work = subjects.start(_subject(port), world, fill)
    started = time.monotonic()
    try:
        _wait_for_outputs(world, at_work)
        start_s = time.monotonic() - started
        peak = observing.peak_bytes_of(at_work.child.pid)
        said = metrics_of(port)
    finally:
        at_work.child.stop(STOP_S_MAX)
    check_group(said)
    _check_regions(world, updates if rows else 0)
    return Restored(restored_s(said, rows), start_s, peak)


def _wait_for_outputs(world: World, started: Started) -> None:
    ends = observing.StableEnds(world.settings.bootstrap, (WRITES,), world.settings.partitions)
    deadline = time.monotonic() + FIRST_OUTPUT_S_MAX
    while ends()[0] < PROBES:
        if not started.child.alive:
            raise RestoreError(f"the worker ended: {started.child.said()[-SAID_MAX:]}")
        if time.monotonic() > deadline:
            raise RestoreError(f"no outputs within {FIRST_OUTPUT_S_MAX:.0f} s")
        time.sleep(POLL_S)


def metrics_of(port: int) -> Mapping[str, float]:
    """What a worker says of itself: sample, labels included → value. Raises OSError where nobody answers."""
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=METRICS_S_MAX)
    try:
        asking.request("GET", "/metrics")
        lines = asking.getresponse().read().decode().splitlines()
    finally:
        asking.close()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def check_group(said: Mapping[str, float]) -> None:
    """Raises RestoreError where the worker was assigned more than once, or lost what it had."""
    found = {name: n for name, n in said.items() if name.startswith("gridwire_rebalances_total{")}
    once = [n for name, n in found.items() if 'event="assigned"' in name] == [1.0]
    if not once or sum(found.values()) != 1.0:
        raise RestoreError(f"the group was rebalanced meanwhile: {found}")


def restored_s(said: Mapping[str, float], rows: int) -> float:
    """How long the table took. Raises RestoreError where it was not restored whole."""
    table = f'{{table="{CUSTOMERS.changelog.name}"}}'
    entries = said.get(f"gridwire_restored_rows_total{table}", 0.0)
    if entries < rows:
        raise RestoreError(f"{entries:.0f} entries were restored, of {rows} rows")
    took = said.get("gridwire_restore_duration_seconds", 0.0)
    if rows and not took:
        raise RestoreError("the worker does not say how long it took")
    return took


def _check_regions(world: World, update: int) -> None:
    """Raises RestoreError where an output does not carry what the row of its user says."""
    wrong = count = 0
    for value in counting.values(world.settings, WRITES):
        record = wire.decode(wire.ENRICHED, value)
        number = int(record["user_id"].rpartition("-")[2])
        wanted = region_of(number, update) if update else None
        wrong += record["region"] != wanted
        count += 1
    if wrong or count != PROBES:
        raise RestoreError(f"{wrong} of {count} outputs carry no row, or an old one")
