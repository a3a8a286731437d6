"""Offsets that hold no records (aborted transactions), thousands of them, behind a command that waits."""

from confluent_kafka import Producer

from tests.integration.test_delivery import PARTITIONS, Case, case, check_complete, started
from tests.waiting import until

__all__ = ["case"]
HOLE = 30_000  # as a bitmap without gaps: 5,000 bytes of metadata
LANES = 50
COMMANDS = 4 * LANES


def dig(case: Case) -> None:
    """A transaction of HOLE records per partition that is aborted."""
    name = f"{case.world.name}.worker"
    producer = Producer(
        {"bootstrap.servers": case.settings.bootstrap, "transactional.id": name, "linger.ms": 20}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        for _ in range(HOLE):
            producer.produce(case.world.commands.name, b"x", b"k", partition)
        assert producer.flush(60) == 0
    producer.abort_transaction(30)


def test_behind_a_command_that_waits_commits_go_on_over_a_hole_and_a_crash_repeats_nothing(
    case: Case,
) -> None:
    case.acme.set(share=1.0, statuses=[503], headers={"retry-after": "60"})
    case.write(1)
    role = case.role()
    with started(role):
        until(lambda: len(case.acme.log()) == 1, "the first command was refused and waits")
        case.acme.set()
        dig(case)
        case.write(COMMANDS - 1, LANES)
        done = COMMANDS - COMMANDS // LANES  # all but the lane of the one that waits
        until(
            lambda: case.topics.count(case.world.receipts.name) >= done, "the others are committed"
        )
        role.kill()
        role.start()
        case.settled()
    check_complete(case)
    assert case.repeated() == 0
