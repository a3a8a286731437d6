"""Seeds: one of each by default, more with `--seeds N`, one to look into with `--seed N`. A module may ask
for more by default with SEEDS_MIN.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sandbox import kafka as local_kafka
from sandbox.kafka import RunningBroker
from tests.chaos.proof.scene import Scene, staged
from tests.chaos.proof.workload import Sizes
from tests.conftest import FIX, OURS


def pytest_configure(config: pytest.Config) -> None:
    text = "proof(name, **sizes): the name of a proof over the topology made for it, and its load"
    config.addinivalue_line("markers", text)
    text = (
        "thorough: runs with a seed that is asked for, as `make prove` does, and not in every build"
    )
    config.addinivalue_line("markers", text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--seed") is not None:
        return
    thorough = [item for item in items if item.get_closest_marker("thorough")]
    if thorough:
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if item not in thorough]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        least = getattr(metafunc.module, "SEEDS_MIN", 1)
        seeds = _seeds(metafunc.config, least)
        metafunc.parametrize("seed", seeds, ids=lambda seed: f"seed{seed}")


def _seeds(config: pytest.Config, least: int) -> list[int]:
    one = config.getoption("--seed")
    many = max(least, int(config.getoption("--seeds")))
    return [int(one)] if one is not None else list(range(1, many + 1))


@pytest.fixture(scope="session")
def proof_kafka() -> Iterator[RunningBroker]:
    """A private Kafka that the proofs of a run share: nobody else's load, nobody else's settings."""
    try:
        running = local_kafka.start(allow=OURS)
    except local_kafka.NoKafkaError as error:
        pytest.skip(f"{error}; {FIX}")
    with running:
        yield running


def _sizes_and_name(node: pytest.Item) -> tuple[str, Sizes]:
    """What the test's mark says: `@pytest.mark.proof("kill", poison=3)`."""
    mark = node.get_closest_marker("proof")
    assert mark is not None, "a test that asks for a scene names its proof: @pytest.mark.proof(…)"
    return str(mark.args[0]), Sizes(**mark.kwargs)


def _staged(
    request: pytest.FixtureRequest, broker: RunningBroker, registry: str, folder: Path, seed: int
) -> AbstractContextManager[Scene]:
    name, sizes = _sizes_and_name(request.node)
    return staged(broker.broker.bootstrap, registry, folder, name=name, seed=seed, sizes=sizes)


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    proof_kafka: RunningBroker,
    registry: str,
    tmp_path: Path,
    seed: int,
) -> Iterator[Scene]:
    """The stage of one proof on a broker that no proof may break."""
    with _staged(request, proof_kafka, registry, tmp_path, seed) as one:
        yield one


@pytest.fixture
def breakable(
    request: pytest.FixtureRequest,
    own_kafka: RunningBroker,
    registry: str,
    tmp_path: Path,
    seed: int,
) -> Iterator[Scene]:
    """The same on a broker of its own, to break."""
    with _staged(request, own_kafka, registry, tmp_path, seed) as one:
        yield one
