"""A platform that refuses everything, against a real Kafka: the sink stops, says why, and loses nothing."""

from collections import Counter
from pathlib import Path

import pytest

from gridwire.settings import KafkaSettings
from sandbox.demo.calls import call
from sandbox.demo.figures import samples
from sandbox.kafka import RunningBroker
from tests.integration.acme import CONCURRENCY, World, acme
from tests.integration.test_delivery import Case, SinkRole, started
from tests.waiting import until

LIMIT, COMMANDS = 20, 120


class CarefulRole(SinkRole):
    """Stops after LIMIT refusals in a row."""

    def __init__(self, world: World, settings: KafkaSettings, folder: Path) -> None:
        super().__init__(world, settings, folder)
        self._environ["GRIDWIRE_SINK_REJECTS_IN_A_ROW_MAX"] = str(LIMIT)


def stopped(role: SinkRole) -> dict[str, float]:
    """Operation → 1 while it has stopped."""
    page = call("GET", f"http://127.0.0.1:{role.port}/metrics").text
    found = [one for one in samples(page) if one.name == "gridwire_operation_stopped"]
    return {one.labels["operation"]: one.value for one in found}


@pytest.mark.kafka
def test_a_platform_that_refuses_everything_stops_the_operation_and_drains_no_topic(
    kafka: RunningBroker, registry: str, tmp_path: Path
) -> None:
    with acme(tmp_path) as platform:
        case = Case(platform, kafka.broker.bootstrap, registry, tmp_path)
        platform.set(statuses=[400], share=1.0)
        case.write(COMMANDS)
        role = CarefulRole(case.world, case.settings, tmp_path)
        with started(role):
            until(lambda: stopped(role).get("set_attributes") == 1, "the operation has stopped")
            until(lambda: not role.ready(), "it says that it is not ready")
            until(lambda: len(case.receipts()) == LIMIT - 1, "what was refused has its receipt")
            assert len(case.letters()) == LIMIT - 1
            assert len(case.acme.log()) <= LIMIT + CONCURRENCY
        platform.set()  # the cause is mended, and the sink is started again
        with started(role):
            case.settled()
        assert Counter(one.outcome for one in case.receipts()) == {
            "rejected": LIMIT - 1,
            "delivered": COMMANDS - LIMIT + 1,
        }
        assert case.in_order_per_lane()
        case.topics.close()
