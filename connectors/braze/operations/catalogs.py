"""Catalogue items: many in one request, few requests a minute, the last value of an item wins.

Braze notices that a product is back in stock where its stock goes from zero to more, and it looks at so many requests
a minute. So values of one item that wait together become one, but never a zero and what follows it: those go out one
request after the other.

    an item's stock that waits:   4  3  0  0  7  9        sent:  0, then 9
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from connectors.braze import endpoints, verdicts
from connectors.braze.item_ids import ID_CHARS_MAX, item_id
from connectors.braze.settings import BrazeSettings
from connectors.kit.connector import (
    Bulk,
    BulkSteps,
    Done,
    Item,
    ItemResult,
    Operation,
    OperationError,
    Rejected,
    Request,
    Response,
    Steps,
    Written,
)
from gridwire.records import BrazeCommand, UpsertCatalogItem

ITEMS_MAX = 50  # of one request
COMMANDS_MAX = 200  # of one batch: several of them may be about one item
VALUE_CHARS_MAX = 5_000
REFUSED = frozenset({400, 404})
Row = dict[str, Any]


def operations(settings: BrazeSettings) -> tuple[Operation, ...]:
    """Rows replace rows, so writing one twice is writing it once. One batch at a time: they go out in order."""
    writer = Writer(settings.catalog_stock_field)
    bulk = Bulk(
        steps=writer.write_many,
        items_max=COMMANDS_MAX,
        bytes_max=endpoints.BODY_BYTES_MAX,
        group=lambda _command, body: body.catalog,
        in_order=True,
        linger_s=settings.catalog_linger_s,
        parallel_max=1,
        line="upsert_catalog_item",
    )
    return (
        Operation("upsert_catalog_item", "natural", writer.write_one, bulk, writes=_item_written),
    )


def _item_written(body: UpsertCatalogItem) -> Written:
    return frozenset({("item", body.catalog, body.sku)})


@dataclass(frozen=True, slots=True)
class ItemWrite:
    """What is to be written of one item, and the places of the commands that it settles."""

    row: Row
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Writer:
    """`stock_field`: the catalogue's field that back-in-stock triggers look at."""

    stock_field: str

    def row(self, body: UpsertCatalogItem) -> Row:
        """One of `items`."""
        return {**body.fields, self.stock_field: body.stock, "id": _id(body)}

    def write_one(self, _command: BrazeCommand, body: UpsertCatalogItem) -> Steps:
        """One item. Raises OperationError where Braze could not take it."""
        row = self.row(body)
        if (wrong := unfit(row)) is not None:
            raise OperationError(wrong)
        yield Request("PUT", _path(body.catalog), json={"items": [row]})
        return Done(row["id"])

    def write_many(self, items: Sequence[Item]) -> BulkSteps:
        """Items of one catalogue, in as few requests as their values allow."""
        bodies = [item.body for item in items]
        results: list[ItemResult] = [unfit(self.row(body)) or Done(_id(body)) for body in bodies]
        fit = [place for place, result in enumerate(results) if isinstance(result, Done)]
        path = _path(bodies[0].catalog)
        for wave in self.waves(bodies, fit):
            for start in range(0, len(wave), ITEMS_MAX):
                yield from _put(path, wave[start : start + ITEMS_MAX], results)
        return results

    def waves(
        self, bodies: Sequence[UpsertCatalogItem], places: Sequence[int]
    ) -> Iterator[list[ItemWrite]]:
        """Rows that may go out together, one lot after the other: an item's first value, its second …"""
        by_item: dict[str, list[int]] = {}
        for place in places:
            by_item.setdefault(bodies[place].sku, []).append(place)
        values = [self._values(bodies, own) for own in by_item.values()]
        for number in range(max(map(len, values), default=0)):
            yield [one[number] for one in values if number < len(one)]

    def _values(
        self, bodies: Sequence[UpsertCatalogItem], places: Sequence[int]
    ) -> list[ItemWrite]:
        """What must be seen of one item, in order: the last of those in stock, the last of those that are not …"""
        found: list[ItemWrite] = []
        waiting: list[int] = []
        held = _held(bodies, places)
        for place, shown, following in zip(places, held, [*held[1:], None], strict=True):
            waiting.append(place)
            if following is None or _in_stock(bodies[shown]) != _in_stock(bodies[following]):
                found.append(ItemWrite(self.row(bodies[shown]), tuple(waiting)))
                waiting = []
        return found


def _id(body: UpsertCatalogItem) -> str:
    return item_id(body.sku)


def _held(bodies: Sequence[UpsertCatalogItem], places: Sequence[int]) -> list[int]:
    """Which value holds after each command: an older sequence does not replace a newer one."""
    held: list[int] = []
    for place in places:
        newer = not held or bodies[place].sequence >= bodies[held[-1]].sequence
        held.append(place if newer else held[-1])
    return held


def _in_stock(body: UpsertCatalogItem) -> bool:
    return body.stock > 0


def unfit(row: Row) -> Rejected | None:
    """Why Braze would refuse the whole request for this row."""
    if not row["id"] or len(row["id"]) > ID_CHARS_MAX:
        return Rejected(f"an item's id has 1 to {ID_CHARS_MAX} characters")
    for name, value in row.items():
        if isinstance(value, str) and len(value) > VALUE_CHARS_MAX:
            return Rejected(f"{name}: longer than {VALUE_CHARS_MAX} characters")
    return None


# ---- one request ---------------------------------------------------------------------------------
def _path(catalog: str) -> str:
    return f"{endpoints.CATALOGS}{quote(catalog, safe='')}/items"


def _put(path: str, chosen: Sequence[ItemWrite], results: list[ItemResult]) -> BulkSteps:
    """Writes rows; what Braze refuses by name is settled, and the rest goes on without it.

    Raises OperationError for a refusal that names nobody: then the batch is narrowed down.
    """
    rest = list(chosen)
    while rest:
        rows = [one.row for one in rest]
        request = Request("PUT", path, json={"items": rows}, expect=REFUSED)
        response = yield request
        if response.status not in REFUSED:
            break
        why = _refusal(request, response)
        guilty = rest if response.status == 404 else _guilty(response, rest)
        if not guilty:
            raise OperationError(why)
        _settle(results, guilty, why)
        rest = [one for one in rest if one not in guilty]
    return results


def _refusal(request: Request, response: Response) -> Rejected:
    found = verdicts.verdict(request, response)
    return found if isinstance(found, Rejected) else Rejected("braze refused the items")


def _settle(results: list[ItemResult], some: Sequence[ItemWrite], result: ItemResult) -> None:
    for one in some:
        for place in one.places:
            results[place] = result


def _guilty(response: Response, some: Sequence[ItemWrite]) -> list[ItemWrite]:
    """The rows that a refusal is about: it names their ids, or a field of theirs, with or without its value."""
    named = list(_parameter_values(response.json()))
    return [one for one in some if _is_named(one.row, named)]


def _parameter_values(body: Any) -> Iterator[Any]:
    errors = body.get("errors") if isinstance(body, Mapping) else None
    for error in errors if isinstance(errors, list) else ():
        values = error.get("parameter_values") if isinstance(error, Mapping) else None
        if isinstance(values, list):
            yield values


def _is_named(row: Row, named: Sequence[list[Any]]) -> bool:
    for values in named:
        if row["id"] in values:
            return True
        fields = [name for name in row if name != "id" and name in values]
        if any(len(values) == 1 or row[name] in values for name in fields):
            return True
    return False
