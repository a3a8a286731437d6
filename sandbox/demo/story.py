"""What a story is: what has been there all along, what happens, and what must come of it.

One story per flow, a file each. A story speaks to the outside world alone: it seeds the simulated platforms, makes
business events happen there, and looks at what a customer received, which threads there are, what a shopper sees.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.demo.stage import Stage
    from sandbox.demo.world import World

Seeds = Mapping[str, Mapping[str, list[dict[str, Any]]]]  # platform → collection → rows
IDS_PER_RUN, IDS_PER_STORY = 10_000, 100


@dataclass(frozen=True, slots=True)
class Cast:
    """The names of one story in one run: nobody else's, so that runs on one Kafka do not meet.

    `run`: number of the run. `index`: place of the story in the list. `began_s`: epoch seconds of the run's start.
    """

    run: int
    index: int
    began_s: float

    def number(self, n: int) -> int:
        """Id of an order, product or customer of BigCommerce; `n` from 0 to IDS_PER_STORY - 1."""
        if not 0 <= n < IDS_PER_STORY:
            raise ValueError(f"a story has ids 0 to {IDS_PER_STORY - 1}, not {n}")
        return self.run * IDS_PER_RUN + self.index * IDS_PER_STORY + n

    def order_ref(self, n: int) -> str:
        """How gridwire names that order."""
        return f"bigcommerce:{self.number(n)}"

    def customer(self, n: int) -> str:
        """The customer with that id, as Braze knows them."""
        return str(self.number(n))

    def partner(self, name: str) -> str:
        """Id of a trading partner."""
        return f"pt-{name}-{self.run}"

    def sku(self, name: str) -> str:
        """A stock keeping unit."""
        return f"{name}-{self.run}"


@dataclass(frozen=True, slots=True)
class Story:
    """`expect` answers what is not (yet) so; an empty list is a happy end.

    `settings`: what differs from the flow's defaults in the demo (short times); `feeds`: the same of feeds, by id.
    `dead_letters`: how many records of the flow end as dead letters in the course of the story.
    """

    flow_id: str
    seed: Callable[[Cast], Seeds]
    play: Callable[[Stage], Awaitable[None]]
    expect: Callable[[World], list[str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    feeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dead_letters: int = 0


class Unmet(list[str]):
    """Collects what is not so."""

    def unless(self, holds: object, what: str) -> None:
        """Adds `what`, a sentence that should be true, unless it is."""
        if not holds:
            self.append(what)
