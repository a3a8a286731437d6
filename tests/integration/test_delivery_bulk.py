"""Bulk operations against a real Kafka and a real HTTP server: batches of several partitions, processes that go."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import kafka as local_kafka
from tests.integration.acme import ITEMS_MAX, acme
from tests.integration.test_delivery import Case, check_complete, started
from tests.waiting import until


@pytest.fixture
def case(kafka: local_kafka.RunningBroker, registry: str, tmp_path: Path) -> Iterator[Case]:
    with acme(tmp_path) as platform:
        one = Case(platform, kafka.broker.bootstrap, registry, tmp_path)
        one.world.bulk = True
        yield one
        one.topics.close()


def test_commands_go_together_and_each_has_one_receipt_in_the_order_of_its_lane(case: Case) -> None:
    case.write(2_000, lanes=300)
    with started(case.role()):
        case.settled()
    check_complete(case)
    assert case.repeated() == 0
    assert case.in_order_per_lane()
    calls = case.acme.calls()
    assert max(calls) == ITEMS_MAX
    assert sum(calls) == 2_000
    assert len(calls) < 2_000 / 10  # nearly all of them full


def test_a_poison_among_them_is_refused_alone(case: Case) -> None:
    case.acme.set(poison=[77], statuses=[422], share=0.0)
    case.write(300, lanes=300)
    with started(case.role()):
        # Alone it is sent to /items, where Acme takes it: only its batches are refused.
        case.settled()
    check_complete(case)
    assert case.repeated() == 0
    refused = [call for call in case.acme.log() if call[3] == 422]
    assert 0 < len(refused) <= 4 * ITEMS_MAX  # 40, 20, 10, 5, 3, 2 at most twice


def test_half_failed_batches_429_5xx_and_cut_connections_lose_nothing_and_keep_the_order(
    case: Case,
) -> None:
    case.acme.set(
        statuses=[429, 500], share=0.1, cut_share=0.05, item_share=0.1, headers={"retry-after": "0"}
    )
    case.write(600, lanes=200)
    with started(case.role()):
        case.settled()
    check_complete(case)
    assert case.in_order_per_lane()
    cut = sum(status == 0 for _, _, _, status in case.acme.log())
    assert cut > 0
    assert case.repeated() <= cut


def test_a_second_replica_takes_its_share_and_a_stop_in_order_repeats_nothing(case: Case) -> None:
    case.acme.set(delay_s=0.05)
    case.write(6_000, lanes=600)
    first, second = case.role(0), case.role(1)
    with started(first):
        until(lambda: case.taken(500), "there is load")
        with started(second):
            until(lambda: case.taken(3_000), "both are at it")
        case.settled()  # the second has left again
    check_complete(case)
    assert case.repeated() == 0
    assert case.in_order_per_lane()


def test_killed_under_load_no_command_is_lost_and_what_was_in_flight_is_sent_again(
    case: Case,
) -> None:
    case.acme.set(delay_s=0.02)
    case.write(4_000, lanes=400)
    role, kills = case.role(), 2
    for kill in range(kills):
        role.start()
        until(lambda kill=kill: case.taken(1_000 * (kill + 1)), "there is load")  # type: ignore[misc]
        role.kill()
    with started(role):
        case.settled()
    check_complete(case)
    assert case.in_order_per_lane()
    assert len(case.acme.taken()) - 4_000 <= kills * 1_500
    assert set(Counter(one.outcome for one in case.receipts())) == {"delivered"}
