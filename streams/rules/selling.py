"""A product's selling state, computed from votes.

Whoever has something against selling a product casts a vote; taking it back removes that vote and changes nothing
else. A product sells while nobody votes against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Causes for which a product may not sell; the first that is cast gives the message to the shopper.
CAUSES = ("restricted", "discontinued", "launch_gate", "availability")
MESSAGE_LENGTH_MAX = 255


@dataclass(frozen=True, slots=True)
class SellingState:
    """Whether a product may be bought, and what the shopper reads where it may not."""

    purchasable: bool
    message: str


def selling_state(votes: Mapping[str, str]) -> SellingState:
    """From votes (cause → message). Raises ValueError for a cause that is not in CAUSES."""
    unknown = votes.keys() - set(CAUSES)
    if unknown:
        raise ValueError(f"{min(unknown)} is no cause to stop selling: add it to CAUSES")
    message = next((votes[cause] for cause in CAUSES if cause in votes), "")
    return SellingState(not votes, message[:MESSAGE_LENGTH_MAX])
