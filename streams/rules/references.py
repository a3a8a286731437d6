"""How the same thing is named in Trading Grid and in the shops."""

from collections.abc import Iterable

from gridwire.records import Related, Thread

ORDER = "order"
INTERNAL = "internal"


def external_ref(
    order_ref: str, audience: str, occurrence: int, line_ref: str | None = None
) -> str:
    """`<order>[/<line>]/<partner or internal>/<occurrence>`: unique per matter."""
    line = f"/{line_ref}" if line_ref else ""
    return f"{order_ref}{line}/{audience}/{occurrence}"


def matters_of(thread: Thread) -> tuple[str, ...]:
    """What a thread is about, by each system's reference without its occurrence: a matter that returns is the same."""
    return tuple(
        dict.fromkeys(
            f"{one.system}:{matter}"
            for one in thread.external_refs
            if (matter := _without_occurrence(one.id))
        )
    )


def _without_occurrence(reference: str) -> str:
    """Empty where it is no reference of ours (`external_ref`): nothing is known of what returns."""
    matter, _, occurrence = reference.rpartition("/")
    return matter if "/" in matter and occurrence.isdecimal() else ""


def orders_named(related: Iterable[Related]) -> tuple[str, ...]:
    """The orders among what something is about, each once, in its order."""
    return tuple(dict.fromkeys(one.id for one in related if one.type == ORDER and one.id))


def order_refs(thread: Thread) -> tuple[str, ...]:
    """The orders that a thread names."""
    return orders_named(thread.related)


def refers_to(thread: Thread, system: str, reference: str) -> bool:
    """Whether a thread carries this external reference."""
    return any(one.system == system and one.id == reference for one in thread.external_refs)
