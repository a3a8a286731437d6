"""Which journey of a customer a command is about: a late exit must not end what was entered again since."""

from collections.abc import Mapping

from connectors.kit.connector import Written

NAMING = ("_id", "_ref")  # how properties end that name an object: case_id, order_ref


def journeys(customer_ref: str, facts: Mapping[str, str]) -> Written:
    """By the objects that an entry's context and an exit event's properties both name; Canvases match by one of them.

    An entry and an exit that name one object write over one another. So do two entries: which Canvas an exit event
    ends is set up in Braze, and no command says it.
    """
    return frozenset(
        ("journey", customer_ref, name, value)
        for name, value in facts.items()
        if value and name.endswith(NAMING)
    )
