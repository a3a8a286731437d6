"""What is worse than how topics with state are created, and what is not."""

import pytest

from gridwire import kafka
from gridwire.compaction import worse


def test_a_topic_as_it_is_created_is_well() -> None:
    assert worse("t", kafka.COMPACTED) == []


@pytest.mark.parametrize(
    ("name", "found", "is_worse"),
    [
        ("cleanup.policy", "delete", True),
        ("cleanup.policy", "compact,delete", True),
        ("segment.bytes", str(1 << 30), True),
        ("segment.bytes", str(1 << 20), False),
        ("segment.ms", "604800000", True),
        ("min.cleanable.dirty.ratio", "0.5", True),
        ("min.cleanable.dirty.ratio", "0.01", False),
        ("max.compaction.lag.ms", str((1 << 63) - 1), True),
        ("max.compaction.lag.ms", "1000", False),
        ("delete.retention.ms", "1000", True),
        ("delete.retention.ms", "172800000", False),
    ],
)
def test_only_what_makes_things_worse_counts(name: str, found: str, *, is_worse: bool) -> None:
    wrong = worse("t", dict(kafka.COMPACTED) | {name: found})
    assert [one.name for one in wrong] == ([name] if is_worse else [])
    assert all(f"{name}={found}" in str(one) and one.wanted in str(one) for one in wrong)


def test_a_property_that_the_broker_does_not_tell_counts_as_wrong() -> None:
    assert {one.name for one in worse("t", {})} == set(kafka.COMPACTED)
