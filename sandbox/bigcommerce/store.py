"""The store's state: tables of rows, the stock, the events that changes cause, what is due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from sandbox.bigcommerce.answers import Json, Refused
from sandbox.bigcommerce.settings import DEFAULT_ACCOUNT, Account, Settings

ROWS_MAX = 200_000
EVENTS_KEPT_MAX = 10_000
EMAILS_KEPT_MAX = 10_000
DUE_MAX = 10_000


class Table:
    """Rows by id, and by the id of the row that they belong to when `parent` names its field."""

    def __init__(self, name: str, *, parent: str | None = None, first_id: int = 1) -> None:
        self.name = name
        self._parent = parent
        self._rows: dict[int, Json] = {}
        self._children: dict[Any, dict[int, Json]] = {}
        self._next_id = first_id

    def insert(self, row: Json) -> Json:
        """Keep the row; it gets the next id unless it has one. Raises Refused 507 when full."""
        if len(self._rows) >= ROWS_MAX:
            raise Refused(507, f"The store holds {ROWS_MAX} {self.name}: its plan has no more.")
        row_id = int(row.get("id") or self._next_id)
        row["id"] = row_id
        self._next_id = max(self._next_id, row_id + 1)
        self._rows[row_id] = row
        if self._parent is not None:
            self._children.setdefault(row[self._parent], {})[row_id] = row
        return row

    def number_from(self, row_id: int) -> None:
        """New rows get this id or a later one."""
        self._next_id = max(self._next_id, row_id)

    def get(self, row_id: int) -> Json | None:
        return self._rows.get(row_id)

    def one(self, row_id: int, what: str) -> Json:
        """The row. Raises Refused 404."""
        row = self._rows.get(row_id)
        if row is None:
            raise Refused(404, f"There is no {what} with id {row_id}.", instance="")
        return row

    def of(self, parent_id: Any) -> list[Json]:
        """The rows that belong to the parent, by id."""
        children = self._children.get(parent_id, {})
        return [children[row_id] for row_id in sorted(children)]

    def delete(self, row_id: int) -> None:
        row = self._rows.pop(row_id)
        if self._parent is not None:
            del self._children[row[self._parent]][row_id]

    def all(self) -> list[Json]:
        return [self._rows[row_id] for row_id in sorted(self._rows)]

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(slots=True)
class StockLevel:
    """Stock of one item at one location, in units."""

    onhand: int = 0
    safety_stock: int = 0
    is_in_stock: bool = True
    warning_level: int = 0
    bin_picking_number: str = ""

    @property
    def available(self) -> int:
        return max(0, self.onhand - self.safety_stock) if self.is_in_stock else 0


@dataclass(frozen=True, slots=True)
class ItemKey:
    """What stock is counted for: `kind` product (id = product id) or variant (variant id)."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change that hooks may hear of."""

    n: int
    at_s: float
    scope: str
    data: Json
    channel_id: int | None


@dataclass(slots=True)
class Store:
    """Everything that one store knows. `now_s` is the world's clock."""

    now_s: Callable[[], float]
    settings: Settings = field(default_factory=Settings)
    accounts: dict[str, Account] = field(
        default_factory=lambda: {DEFAULT_ACCOUNT.access_token: DEFAULT_ACCOUNT}
    )
    orders: Table = field(default_factory=lambda: Table("orders", first_id=100))
    order_lines: Table = field(default_factory=lambda: Table("order lines", parent="order_id"))
    addresses: Table = field(default_factory=lambda: Table("addresses", parent="order_id"))
    shipments: Table = field(default_factory=lambda: Table("shipments", parent="order_id"))
    messages: Table = field(default_factory=lambda: Table("messages", parent="order_id"))
    transactions: Table = field(default_factory=lambda: Table("transactions", parent="order_id"))
    refunds: Table = field(default_factory=lambda: Table("refunds", parent="order_id"))
    metafields: Table = field(default_factory=lambda: Table("metafields", parent="resource"))
    products: Table = field(default_factory=lambda: Table("products"))
    variants: Table = field(default_factory=lambda: Table("variants", parent="product_id"))
    brands: Table = field(default_factory=lambda: Table("brands"))
    customers: Table = field(default_factory=lambda: Table("customers"))
    locations: Table = field(default_factory=lambda: Table("locations"))
    channels: Table = field(default_factory=lambda: Table("channels"))
    listings: Table = field(default_factory=lambda: Table("listings", parent="channel_id"))
    hooks: Table = field(default_factory=lambda: Table("hooks", first_id=20_000_000))
    assignments: set[tuple[int, int]] = field(default_factory=set)
    stock: dict[tuple[ItemKey, int], StockLevel] = field(default_factory=dict)
    taken: dict[int, list[tuple[ItemKey, int, int]]] = field(default_factory=dict)
    admin_emails: list[str] = field(default_factory=list)
    emails: deque[Json] = field(default_factory=lambda: deque(maxlen=EMAILS_KEPT_MAX))
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT_MAX))
    outbox: list[Event] = field(default_factory=list)
    events_seen: int = 0
    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def number_from(self, row_id: int) -> None:
        """New rows of all tables get this id or a later one: nobody else's, where several runs meet."""
        for one in fields(self):
            table = getattr(self, one.name)
            if isinstance(table, Table):
                table.number_from(row_id)

    def emit(self, scope: str, data: Json, channel_id: int | None = None) -> None:
        """A change has happened; hooks hear of it when the call that caused it is done."""
        self.events_seen += 1
        event = Event(self.events_seen, self.now_s(), scope, data, channel_id)
        self.events.append(event)
        self.outbox.append(event)

    def later(self, delay_s: float, effect: Callable[[], None]) -> None:
        """Have the effect after `delay_s`; at once when it is 0. Raises Refused 503 when full."""
        if delay_s <= 0:
            effect()
            return
        if len(self.due) >= DUE_MAX:
            raise Refused(503, "Too many asynchronous operations are under way.")
        self.due.append((self.now_s() + delay_s, effect))

    def run_due(self, *, everything: bool = False) -> int:
        """Have the effects that are due (or all), in the order in which they were asked for."""
        now_s = self.now_s()
        ready = [one for one in self.due if everything or one[0] <= now_s]
        self.due = [one for one in self.due if one not in ready]
        for _, effect in ready:
            effect()
        return len(ready)

    def send_email(self, kind: str, to: str, **about: Any) -> None:
        self.emails.append({"kind": kind, "to": to, "sent_at": int(self.now_s()), **about})
