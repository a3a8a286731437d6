"""One proof on the stage: topics of its own, a load, workers to break, and the verdict."""

import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from gridwire import kafka, topics
from gridwire.settings import KafkaSettings
from sandbox.demo.calls import CallError, call
from sandbox.demo.figures import samples
from tests.chaos.proof import topology, workload
from tests.chaos.proof.faults import Chosen
from tests.chaos.proof.observed import Observed, Tail, letters, observed
from tests.chaos.proof.oracle import Expected, Read, expect
from tests.chaos.proof.verdict import Fault, faults, told
from tests.chaos.proof.workload import Feed, Sizes
from tests.roles import Role, Topics
from tests.waiting import until

PARTITIONS = 4
SESSION_MS = 4_000
ROUND_RECORDS_MAX, COMMIT_MS = 120, 20
SETTLE_S = 120.0
LOOK_S = 0.2
ASK_S = 10.0
RESTARTS_MAX = 40
STILL_LOOKS = 50
BROKER_ID = "1"
SOUND = Chosen()
REPLAY = "python -m tests.chaos.prove"
WORKER = [sys.executable, "-m", "tests.chaos.proof.worker"]


class Scene:
    """Everything of one proof and seed."""

    def __init__(
        self, bootstrap: str, registry: str, folder: Path, *, name: str, seed: int
    ) -> None:
        self.seed, self.name = seed, name
        self.dice = random.Random(f"{name}-{seed}")
        self.space = f"proof-{name}-{seed}-{os.urandom(3).hex()}"
        self.names = topology.names(self.space)
        self.settings = KafkaSettings(
            bootstrap=bootstrap,
            registry_url=registry,
            partitions=PARTITIONS,
            group_prefix=self.space,
            session_timeout_ms=SESSION_MS,
        )
        self.topics = Topics(self.settings)
        self._group = Consumer(  # asks for the workers' offsets, and never joins
            kafka.client_config(self.settings) | {"group.id": f"{self.space}.{self.space}"}
        )
        self._ends: dict[tuple[str, int], int] = {}
        self.said = folder / "faults.log"
        self._folder = folder
        self._workers: list[Role] = []
        self.rounds = self.batches = 0.0  # as far as they were told before workers ended
        self.aborted = self._still = self._last_joined = 0
        self.last: tuple[Expected, Observed] | None = None

    # -- before -----------------------------------------------------------------------------------------
    def prepare(self, sizes: Sizes) -> None:
        """Topics, the reference table, and the planned load, of which nothing is written yet."""
        print(
            f"\nproof {self.name}, seed {self.seed}; again: {REPLAY} --proof {self.name} --seed {self.seed}"
        )
        self._create()
        self.topics.write(self.names.partners, workload.partners(self.names))
        base_ms, planned = workload.steps(self.seed, self.names, sizes)
        self.feed = Feed(self.topics, planned, base_ms)
        outputs = [topic.name for topic in self.names.outputs]
        counts = dict.fromkeys([*outputs, *self.stores().values()], PARTITIONS)
        self.tail = Tail(self.settings, counts | {topics.DEAD_LETTER_STREAMS.name: 1})

    def _create(self) -> None:
        wanted = [*self.names.inputs, *self.names.outputs, self.names.partners]
        made = [kafka.new_topic(self.settings, topic) for topic in wanted]
        admin = AdminClient(kafka.client_config(self.settings))  # must outlive its futures
        futures = admin.create_topics(made)
        for future in futures.values():
            future.result()
        kafka.create_topics(self.settings, list(self.stores().values()))

    def alter(self, values: Mapping[str, str], *, topic: str = "") -> None:
        """Sets a topic's configuration, or (none named) the broker's."""
        where = (ResourceType.TOPIC, topic) if topic else (ResourceType.BROKER, BROKER_ID)
        changes = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in values.items()
        ]
        resource = ConfigResource(*where, incremental_configs=changes)
        admin = AdminClient(kafka.client_config(self.settings))
        for future in admin.incremental_alter_configs([resource]).values():
            future.result()

    def stores(self) -> dict[str, str]:
        return {name: f"{self.space}.{store}" for name, store in topology.stores().items()}

    # -- workers ----------------------------------------------------------------------------------------
    def worker(self, slot: int = 0, chosen: Chosen = SOUND, **environ: str) -> Role:
        """A worker that is not started yet."""
        folder = self._folder / f"worker-{len(self._workers)}"
        folder.mkdir()
        mine = {
            "KAFKA_BOOTSTRAP": self.settings.bootstrap,
            "SCHEMA_REGISTRY_URL": self.settings.registry_url,
            "GRIDWIRE_PARTITIONS": str(PARTITIONS),
            "GRIDWIRE_GROUP_PREFIX": self.space,
            "GRIDWIRE_WORKER_GROUP": self.space,
            "GRIDWIRE_SESSION_TIMEOUT_MS": str(SESSION_MS),
            "GRIDWIRE_SLOT": str(slot),
            "GRIDWIRE_ROUND_RECORDS_MAX": str(ROUND_RECORDS_MAX),
            "GRIDWIRE_COMMIT_INTERVAL_MS": str(COMMIT_MS),
            "PROOF_SPACE": self.space,
            "PROOF_CHOSEN": json.dumps(msgspec.to_builtins(chosen)),
            "PROOF_SAID": str(self.said),
        }
        role = Role("streams", folder, mine | environ, WORKER)
        self._workers.append(role)
        return role

    def arm(self, role: Role, chosen: Chosen) -> None:
        """From its next start on the worker has these faults."""
        role.environ["PROOF_CHOSEN"] = json.dumps(msgspec.to_builtins(chosen))

    def ended(self, role: Role) -> None:
        """Waits until a worker that dies by its own fault is dead."""
        until(lambda: role.child is not None and not role.child.alive, "it has died", SETTLE_S)

    def kill(self, role: Role) -> None:
        """kill -9, after its figures are noted."""
        self.note_figures(role)
        role.kill()

    def stop(self, role: Role) -> None:
        """SIGTERM; it must end in order."""
        self.note_figures(role)
        role.stop()

    def note_figures(self, role: Role) -> None:
        """How many rounds and batches a worker has had; nothing where it does not answer."""
        try:
            page = call("GET", f"http://127.0.0.1:{role.port}/metrics", timeout_s=2).text
        except CallError:
            return
        totals: Counter[str] = Counter()
        for sample in samples(page):
            totals[sample.name] += round(sample.value)
        self.rounds += totals["gridwire_rounds_total"]
        self.batches += totals["gridwire_batch_records_count"]

    def injected(self) -> Counter[str]:
        """What was injected so far, by its name."""
        return Counter(self.said.read_text().split() if self.said.exists() else [])

    # -- progress ---------------------------------------------------------------------------------------
    def joined(self) -> int:
        """End offsets of an output topic, uncommitted records included: what tells that work goes on."""
        return self.topics.count(self.names.joined.name)

    def more(self, records: int, of: int | None = None) -> None:
        """Waits until so many more records (or markers) stand in the joined topic, or all is read."""
        goal = (self.joined() if of is None else of) + records

        def enough() -> bool:
            return self._alive() and (self.joined() >= goal or self.all_read())

        until(enough, f"{records} more", SETTLE_S, LOOK_S)

    def _alive(self) -> bool:
        """Fails the proof where no started worker runs any more: nothing would ever come."""
        started = [role for role in self._workers if role.child is not None]
        said = [role.said()[-1_000:] for role in started]
        assert any(role.child and role.child.alive for role in started), f"all ended: {said}"
        return True

    def write(self, share: float) -> None:
        """Writes the load up to this share of it."""
        self.feed.up_to(share)
        partitions = list(range(PARTITIONS))
        self._ends = {
            (topic.name, p): end
            for topic in self.names.inputs
            for p, end in kafka.end_offsets(self.settings, topic.name, partitions).items()
        }

    def all_read(self) -> bool:
        """Whether the group has committed all that was written."""
        places = [TopicPartition(*place) for place in self._ends]
        found = kafka.patiently(lambda: self._group.committed(places, timeout=ASK_S))
        committed = {(p.topic, p.partition): p.offset for p in found}
        return all(committed[place] >= end for place, end in self._ends.items() if end)

    def stands_still(self) -> bool:
        """Whether all is read, or nothing has been written for a while (asked every LOOK_S)."""
        now = self.joined()
        self._still = self._still + 1 if now == self._last_joined and now else 0
        self._last_joined = now
        return self._still >= STILL_LOOKS or self.all_read()

    # -- the verdict ------------------------------------------------------------------------------------
    def settle(self, *alive: Role) -> None:
        """Waits until all that must come has come; workers that ended by themselves are started again."""
        restarts = 0

        def read() -> bool:
            nonlocal restarts
            restarts += sum(self.revive(role) for role in alive)
            assert restarts <= RESTARTS_MAX, alive[0].said()
            return self.all_read()

        until(read, "all input is read", SETTLE_S, LOOK_S)
        expected = self.expected()
        lasting: list[Fault] = []

        def complete() -> bool:
            nonlocal lasting
            read()  # it must be so again after every restart
            self.tail.look()
            lasting = faults(expected, self.observed())
            return not lasting

        try:
            until(complete, "everything has come", SETTLE_S, LOOK_S)
        except AssertionError:
            print(f"not settled: {told(lasting)}")

    @staticmethod
    def revive(role: Role) -> bool:
        """Starts a worker that ended, as a supervisor would."""
        if role.child is None or role.child.alive:
            return False
        print(f"the worker ended by itself: {role.said()[-600:]}")
        role.start()
        return True

    def verdict(self, *alive: Role, settled: bool = False) -> list[Fault]:
        """Settles, stops the workers, and counts everything anew, from the first offset to the last."""
        if not settled:
            self.settle(*alive)
        for role in alive:
            self.stop(role)
        self.tail.to_the_end()
        expected, seen = self.expected(), self.observed()
        self.last = expected, seen
        found = faults(expected, seen)
        self.aborted = len(self.topics.messages(self.names.joined.name, "read_uncommitted")) - len(
            self.tail.all(self.names.joined.name)
        )
        events = sum(len(user.joined) for user in expected.users.values())
        print(
            f"{events} events, {expected.repeated} repeated, {len(expected.dead)} dead letters, "
            f"{len(seen.ids)} outputs, {self.aborted} joined records written and aborted, "
            f"{self.batches:.0f} batches in {self.rounds:.0f} rounds; faults: {told(found) or 'none'}"
        )
        return found

    def expected(self) -> Expected:
        """What the oracle makes of the input topics, read now."""
        tail = Tail(self.settings, {topic.name: PARTITIONS for topic in self.names.inputs})
        try:
            tail.to_the_end()
            events, orders, notes = (tail.all(topic.name) for topic in self.names.inputs)
        finally:
            tail.close()
        return expect(events, orders, notes, self._decoder())

    def observed(self) -> Observed:
        """What the tail has read so far."""
        fields = ("joined", "copied", "tallies", "windows", "reminders", "rows", "noted")
        outputs = {name: getattr(self.names, name).name for name in fields}
        found = observed(self.tail, outputs, self.stores(), self._decoder())
        reads = self.tail.all(topics.DEAD_LETTER_STREAMS.name)
        letters(found, reads, [topic.name for topic in self.names.inputs])
        return found

    def _decoder(self) -> Any:
        known = {topic.name: topic for topic in (*self.names.inputs, *self.names.outputs)}
        orders = topology.orders_table().changelog

        def decode(read: Read) -> Any:
            return self.topics.codec.of(known.get(read.topic, orders)).decode(read.value)

        return decode

    def several_batches_a_round(self) -> None:
        """The load was such that rounds held batches of several partitions."""
        assert self.rounds, "no worker told its figures"
        assert self.batches / self.rounds > 1.5, f"{self.batches} batches in {self.rounds} rounds"

    def close(self) -> None:
        for role in self._workers:
            end(role)
        self._group.close()
        self.tail.close()
        self.topics.close()


def end(role: Role) -> None:
    """Ends a worker in whatever state it is."""
    if role.child is not None and role.child.alive:
        role.signal(signal.SIGCONT)
        role.child.kill()


@contextmanager
def staged(
    bootstrap: str, registry: str, folder: Path, *, name: str, seed: int, sizes: Sizes
) -> Iterator[Scene]:
    """A prepared scene; whatever runs of it ends with the block."""
    scene = Scene(bootstrap, registry, folder, name=name, seed=seed)
    scene.prepare(sizes)
    try:
        yield scene
    except BaseException:
        for role in scene._workers:
            print(f"a worker said last:\n{role.said()[-1_500:]}")
        raise
    finally:
        scene.close()


def kinds(found: Sequence[Fault]) -> set[str]:
    return {fault.kind for fault in found}
