"""Every connector through the conformance suite: both roles as processes, real HTTP, real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sandbox import kafka as local_kafka
from sandbox import registry as local_registry
from sandbox.process import SandboxProcess
from tests.conftest import FIX, OURS
from tests.contract.connectors.conformance import CONFORMANCES
from tests.contract.connectors.conformance.case import Case
from tests.contract.connectors.conformance.cases import applying
from tests.contract.connectors.conformance.stage import Ground, Stage
from tests.contract.connectors.conformance.value import Conformance


@pytest.fixture(scope="module")
def ground(
    sandbox_process: SandboxProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A Kafka and a registry of the suite's own: cases freeze the one and stop the other."""
    try:
        broker = local_kafka.start(allow=OURS)
    except local_kafka.NoKafkaError as error:
        pytest.skip(f"{error}; {FIX}")
    folder = tmp_path_factory.mktemp("conformance")
    with broker, local_registry.start(folder / "registry") as registry:
        yield Ground(broker, registry, sandbox_process, folder)


class Stages:
    """The stage of one connector at a time: its cases follow one another."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._open = ExitStack()
        self._stage: Stage | None = None

    def of(self, value: Conformance) -> Stage:
        if self._stage is None or self._stage.value is not value:
            self.close()
            self._stage = self._open.enter_context(Stage(value, self._ground))
        return self._stage

    def close(self) -> None:
        self._stage = None
        self._open.close()


@pytest.fixture(scope="module")
def stages(ground: Ground) -> Iterator[Stages]:
    found = Stages(ground)
    yield found
    found.close()


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("value", "case"),
    [
        pytest.param(value, case, id=f"{value.name}: {case.name}")
        for value in CONFORMANCES
        for case in applying(value)
    ],
)
def test_the_connector_conforms(stages: Stages, value: Conformance, case: Case) -> None:
    stage = stages.of(value)
    try:
        stage.begin(case.side)
        case.check(stage)
    except Exception as error:
        error.add_note(stage.log_of(case.side))
        raise
