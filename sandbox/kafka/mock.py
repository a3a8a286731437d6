"""librdkafka's mock broker in a child process: for a demo on a machine with Python alone.

What works, measured with librdkafka 2.16: idempotent producers with keys, headers and tombstones; consumer groups
over several processes, rebalances, committed offsets, watermarks, `list_offsets`; any number of clients.

What does not, and what to do about it:
- Topics are not created or described by request (such calls time out). Naming a topic in a producer's or admin
  client's metadata request creates it, always with PARTITIONS partitions. A consumer's does not.
- A partition keeps its last 5 MB; older records are gone.
- Transactions are accepted but not transactional: aborted records are seen by read-committed readers, offsets sent to
  a transaction are dropped. So: at-least-once.
- A group's first assignment takes 3 s. A member that closes is not missed before its session timeout, so set
  `session.timeout.ms` to 6000; static membership does not help.
- Everything is in memory: there is no restart.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import confluent_kafka

from sandbox.child import Child, ChildError, Leash, spawn, wait_for_file
from sandbox.kafka.broker import Broker, KafkaStartError, NotOursError
from sandbox.kafka.folder import new_run_folder

PARTITIONS = 4
START_TIMEOUT_S = 30.0


@dataclass(slots=True)
class MockEngine:
    """The child that hosts the mock."""

    folder: Path
    lock: int
    leash: Leash
    bootstrap: str = ""
    child: Child | None = None
    container: str | None = None

    @property
    def broker(self) -> Broker:
        """Known once it is started: the mock picks its port."""
        return Broker(
            self.bootstrap,
            "mock",
            exactly_once=False,
            version=f"mock of librdkafka {confluent_kafka.libversion()[0]}",
            partitions_fixed=PARTITIONS,
        )

    @property
    def alive(self) -> bool:
        """Whether the host runs."""
        return self.child is not None and self.child.alive

    @property
    def pid(self) -> int | None:
        """The host."""
        return self.child.pid if self.child is not None else None

    def start(self) -> None:
        """Start the host; a second start is refused, for nothing would be left in it."""
        if self.child is not None:
            raise NotOursError(
                "the mock broker keeps nothing and cannot be restarted: use a real Kafka"
            )
        ready_file = self.folder / "ready"
        command = [sys.executable, "-m", "sandbox.kafka.mock_host", "--ready-file", str(ready_file)]
        if self.leash != "none":
            command.append("--exit-with-stdin")
        self.child = spawn(
            command, log=self.folder / "mock.log", leash=self.leash, keep_open=(self.lock,)
        )
        try:
            self.bootstrap = wait_for_file(self.child, ready_file, START_TIMEOUT_S)
        except ChildError as error:
            self.child.kill()
            raise KafkaStartError(f"the mock broker did not start: {error}") from error

    def stop(self) -> None:
        """End the host."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """SIGKILL."""
        if self.child is not None:
            self.child.kill()

    def release(self) -> None:
        """Remove its folder."""
        os.close(self.lock)
        shutil.rmtree(self.folder, ignore_errors=True)

    def let_go(self) -> None:
        """The process holds the folder's lock on its own."""
        if self.child is not None:
            self.child.let_go()
        os.close(self.lock)


def find(leash: Leash) -> MockEngine:
    """An engine ready to start: always available."""
    folder, lock = new_run_folder()
    return MockEngine(folder, lock, leash)
