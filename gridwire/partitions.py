"""Whether joined topics have as many partitions as GRIDWIRE_PARTITIONS says: one sentence, whoever notices."""

from collections.abc import Iterable, Mapping, Sequence

from gridwire.topics import TOPICS

NAMED_MAX = 5  # topics in one sentence
JOINED = tuple(one.name for one in TOPICS if one.kind in ("source", "stream"))


def differing(wanted: int, counts: Mapping[str, int], names: Iterable[str] = JOINED) -> str | None:
    """What is wrong with those of `names` that are there, and its fix; None where all have `wanted` partitions.

    `counts`: partitions of the topics that Kafka has.
    """
    wrong = [f"{one} has {counts[one]}" for one in names if counts.get(one, wanted) != wanted]
    if not wrong:
        return None
    return (
        f"joined topics need {wanted} partitions each (GRIDWIRE_PARTITIONS), but "
        f"{named(wrong)}: set GRIDWIRE_PARTITIONS to what they have, or create them anew"
    )


def named(names: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
