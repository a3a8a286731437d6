"""The partitioner of Java's clients, by the vectors of its own tests."""

import pytest

from gridwire.murmur2 import murmur2, partition_of

# From UtilsTest of Apache Kafka.
VECTORS = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "signed"), VECTORS)
def test_the_hash_is_the_one_of_java(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


def test_every_key_has_a_partition() -> None:
    found = {partition_of(f"key-{n}".encode(), 12) for n in range(1_000)}
    assert found == set(range(12))
