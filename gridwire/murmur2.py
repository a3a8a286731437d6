"""The partitioner of Java's clients, to check by: which partition a key belongs to."""

SEED, MIX, SHIFT = 0x9747B28C, 0x5BD1E995, 24
WORD = 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Where `murmur2_random` puts a record with this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned."""
    length = len(data)
    state = (SEED ^ length) & WORD
    whole = length - length % 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * MIX & WORD
        word = (word ^ word >> SHIFT) * MIX & WORD
        state = (state * MIX & WORD) ^ word
    if whole < length:
        state = (state ^ int.from_bytes(data[whole:], "little")) * MIX & WORD
    state = (state ^ state >> 13) * MIX & WORD
    return state ^ state >> 15
