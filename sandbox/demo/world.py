"""The world at one moment, as a story looks at it: platforms, topics, figures. Values only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gridwire.records import Record
from gridwire.topics import Topic
from sandbox.demo.figures import Figures
from sandbox.demo.story import Cast

R = TypeVar("R", bound=Record)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of a dead-letter topic: why it is there and what it was."""

    topic: str
    reason: str
    flow: str
    value: bytes


@dataclass(frozen=True, slots=True)
class World:
    """`platforms`: name → collection → rows, as the simulators show them. `records`: topic name → what it holds."""

    cast: Cast
    exactly_once: bool
    platforms: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    dead_letters: Sequence[DeadLetter] = ()
    figures: Figures = field(default_factory=Figures)

    def rows(self, platform: str, collection: str) -> Sequence[Row]:
        """The rows of a collection; none before the platform was looked at."""
        found: Sequence[Row] = self.platforms.get(platform, {}).get(collection, ())
        return found

    def row(self, platform: str, collection: str, **facts: Any) -> Row | None:
        """The first row with these fields."""
        return next(iter(matching(self.rows(platform, collection), **facts)), None)

    def of(self, topic: Topic[R]) -> Sequence[R]:
        """The records of a topic since the run began."""
        found: Sequence[Any] = self.records.get(topic.name, ())
        return found

    # ---- Trading Grid --------------------------------------------------------------------------
    def thread(self, reference: str) -> Row | None:
        """The thread with this external reference."""
        for one in self.rows("trading-grid", "threads"):
            if any(ref["id"] == reference for ref in one["external_refs"]):
                return one
        return None

    def comments(self, thread: Row | None) -> str:
        """All that was written on a thread, in order."""
        found = matching(
            self.rows("trading-grid", "comments"), thread_id=(thread or {}).get("id", "")
        )
        return " ".join(one["body"] for one in found)

    # ---- Braze ---------------------------------------------------------------------------------
    def messages(self, customer: str, campaign: str | None = None) -> Sequence[Row]:
        """What a customer received, in order."""
        found = matching(self.rows("braze", "messages"), external_id=customer)
        return [one for one in found if campaign in (None, one.get("campaign_id"))]

    def attribute(self, customer: str, name: str) -> Any:
        """A custom attribute of a customer; None where there is none."""
        user = self.row("braze", "users", external_id=customer)
        return None if user is None else user["attributes"].get(name)

    # ---- BigCommerce ---------------------------------------------------------------------------
    def product(self, sku: str) -> Row:
        """A product as the shop shows it; empty where it does not."""
        return self.row("bigcommerce", "products", sku=sku) or {}

    def stock(self, sku: str, location_id: int = 1) -> int | None:
        """Units available to sell at a location; None where nothing is kept there."""
        for item in self.rows("bigcommerce", "inventory"):
            if item["identity"]["sku"] == sku:
                for place in item["locations"]:
                    if place["location_id"] == location_id:
                        return int(place["available_to_sell"])
        return None


def matching(rows: Iterable[Row], **facts: Any) -> list[Row]:
    """The rows with these fields."""
    return [row for row in rows if all(row.get(name) == fact for name, fact in facts.items())]
