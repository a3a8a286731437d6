"""Engagement events as Arrow columns: the same as `Enrich.rows`, for a whole batch at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gridwire.records import CartActivity, EnrichedEngagement
from streams.flow import Effect, Filtered, Outputs, Rows
from streams.flows.braze.engagement_enrich import (
    ENGAGED,
    ORDERED,
    SETTLING,
    Counted,
    Enrich,
    Sums,
    home_of,
    supply_of,
)

# What an enriched event has as its event has it.
SAME = (
    "user_id",
    "kind",
    "channel",
    "sku",
    "quantity",
    "revenue_minor",
    "currency",
    "campaign_id",
    "canvas_id",
)
_ENGAGED, _ORDERED, _SETTLING = (pa.array(sorted(kinds)) for kinds in (ENGAGED, ORDERED, SETTLING))


@dataclass(frozen=True, slots=True)
class EnrichColumns:
    """`batches` is the leg's function; `rules` its reference, with the bounds."""

    rules: Enrich

    def batches(self, batch: pa.RecordBatch, rows: Rows) -> Iterator[Effect]:
        """As `Enrich.rows`."""
        bots = batch.column("suspected_bot")
        machines = pc.and_not(batch.column("machine_open"), bots)
        excluded = pc.or_(bots, machines)
        causes, events = None, batch
        if pc.any(excluded).as_py():
            causes = pc.indices_nonzero(pc.invert(excluded))
            events = batch.take(causes)
        enriched = enriched_columns(events, rows)
        at = _effective_at(events, self.rules.clock_skew_ms)
        yield _carts(events, enriched, at, causes)
        yield Outputs(EnrichedEngagement, events.column("user_id"), enriched, causes)
        yield from self._sums(events, enriched, at).partials()
        for reason, mask in (("bot click", bots), ("machine open", machines)):
            if count := pc.sum(mask).as_py():
                yield Filtered(reason, count)

    def _sums(self, events: pa.RecordBatch, enriched: dict[str, pa.Array], at: pa.Array) -> Sums:
        sums = Sums(self.rules.size_ms, self.rules.group_size_min)
        known = pc.and_(pc.is_valid(enriched["partner_id"]), _named(enriched["sku"]))
        counted = pc.indices_nonzero(pc.and_(known, pc.is_in(enriched["kind"], _ENGAGED)))
        fields = (
            enriched["partner_id"],
            pc.fill_null(enriched["region"], ""),
            enriched["sku"],
            enriched["product_line"],
            enriched["kind"],
            at,
            events.column("produced_at"),
            enriched["user_id"],
            enriched["quantity"],
            enriched["currency"],
            enriched["revenue_minor"],
        )
        columns = [field.take(counted).to_pylist() for field in fields]
        for one in zip(*columns, strict=True):
            sums.add(Counted(*one))
        return sums


def enriched_columns(events: pa.RecordBatch, rows: Rows) -> dict[str, pa.Array]:
    """The own fields of the enriched events. Each sku is looked up once."""
    skus = events.column("sku").dictionary_encode()
    found = [supply_of(sku, rows) for sku in skus.dictionary.to_pylist()]
    partners = [partner.partner_id if partner else None for partner, _ in found]
    lines = [product.product_line if product else None for _, product in found]
    return {
        **{name: events.column(name) for name in SAME},
        "region": _regions(events, rows),
        "partner_id": pa.array(partners, pa.string()).take(skus.indices),
        "product_line": pa.array(lines, pa.string()).take(skus.indices),
    }


def _named(texts: pa.Array) -> pa.Array:
    """True where there is a text that is not empty."""
    return pc.fill_null(pc.not_equal(texts, ""), fill_value=False)


def _regions(events: pa.RecordBatch, rows: Rows) -> pa.Array:
    """The event's region, or that of its user where we know one."""
    regions = events.column("region")
    missing = pc.invert(_named(regions))
    if not pc.any(missing).as_py():
        return regions
    users = events.column("user_id").filter(missing).to_pylist()
    identified = events.column("identified").filter(missing).to_pylist()
    homes = [home_of(*one, rows) for one in zip(users, identified, strict=True)]
    return pc.replace_with_mask(regions, missing, pa.array(homes, pa.string()))


def _effective_at(events: pa.RecordBatch, clock_skew_ms: int) -> pa.Array:
    """`effective_at` of each event."""
    occurred, arrived = events.column("occurred_at"), events.column("produced_at")
    ahead = pc.greater(occurred, pc.add_checked(arrived, clock_skew_ms))
    return pc.if_else(pc.and_(pc.not_equal(arrived, 0), ahead), arrived, occurred)


def _carts(
    events: pa.RecordBatch, enriched: dict[str, pa.Array], at: pa.Array, causes: pa.Array | None
) -> Outputs:
    """What abandoned carts are made of: `cart_of` each event."""
    ordered = pc.is_in(enriched["kind"], _ORDERED)
    named = _named(enriched["sku"])
    nameless = pc.and_not(ordered, named)  # ends all carts of the user
    heard = pc.or_(pc.is_valid(enriched["partner_id"]), nameless)
    wanted = pc.indices_nonzero(pc.and_(pc.is_in(enriched["kind"], _SETTLING), heard))
    sku = pc.if_else(named, enriched["sku"], pa.scalar(None, pa.string()))
    columns = {
        "user_id": enriched["user_id"],
        "ordered": ordered,
        "sku": sku,
        "quantity": enriched["quantity"],
        "at": at,
        "arrived_at": events.column("produced_at"),
        "partner_id": enriched["partner_id"],
        "region": pc.fill_null(enriched["region"], ""),
        "product_line": enriched["product_line"],
    }
    taken = {name: column.take(wanted) for name, column in columns.items()}
    mine = wanted if causes is None else causes.take(wanted)
    return Outputs(CartActivity, taken["user_id"], taken, mine)
