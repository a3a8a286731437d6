"""The flows that are measured: what the peers do, by records and by columns; the whole engagement flow; all flows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from gridwire import topics
from gridwire.records import EnrichedEngagement, Partner
from gridwire.topics import Topic
from streams.feeds import FEEDS, customers
from streams.flow import (
    Caused,
    Columns,
    Effects,
    Flow,
    Leg,
    NoSettings,
    Outputs,
    Rows,
    join,
)
from streams.flows import FLOWS as PRODUCT_FLOWS
from streams.flows.braze import engagement_insight
from streams.tables import PARTNERS

# What an enriched event has as its event has it.
SAME = (
    "user_id",
    "kind",
    "channel",
    "sku",
    "quantity",
    "revenue_minor",
    "currency",
    "region",
    "campaign_id",
    "canvas_id",
)
PURPOSE = "What the peers do: join each event with its partner, write it enriched."


def _skus(event: Any) -> tuple[str, ...]:
    return (event.sku,) if event.sku else ()


def _enriched(event: Any, found: tuple[Partner, ...]) -> EnrichedEngagement:
    return EnrichedEngagement(
        user_id=event.user_id,
        kind=event.kind,
        channel=event.channel,
        sku=event.sku,
        quantity=event.quantity,
        revenue_minor=event.revenue_minor,
        currency=event.currency,
        region=event.region,
        partner_id=found[0].partner_id if found else None,
        product_line=None,
        campaign_id=event.campaign_id,
        canvas_id=event.canvas_id,
    )


def _enrich(event: Any, by_sku: Any) -> Effects:
    yield _enriched(event, by_sku.get(event.sku, ()))


def _by_records(reads: Topic[Any]) -> Leg:
    return join(
        name="enrich",
        reads=reads,
        lookups=(PARTNERS.where("sku", _skus),),
        emits=_enrich,
        writes=(topics.ENRICHED_ENGAGEMENT,),
    )


def _rows(events: Sequence[Any], rows: Rows) -> Effects:
    for event in events:
        found = rows.where(PARTNERS, "sku", event.sku) if event.sku else ()
        yield Caused(event, _enriched(event, found))


def _batches(batch: pa.RecordBatch, rows: Rows) -> Effects:
    """Each sku is looked up once per batch."""
    skus = batch.column("sku").dictionary_encode()
    found = [rows.where(PARTNERS, "sku", sku) for sku in skus.dictionary.to_pylist()]
    ids = pa.array([some[0].partner_id if some else None for some in found], pa.string())
    columns = {name: batch.column(name) for name in SAME}
    columns["partner_id"] = ids.take(skus.indices)
    columns["product_line"] = pa.nulls(len(batch), pa.string())
    yield Outputs(EnrichedEngagement, batch.column("user_id"), columns)


def _by_columns(reads: Topic[Any]) -> Leg:
    return Columns(
        name="enrich",
        reads=reads,
        tables=(PARTNERS,),
        rows=_rows,
        batches=_batches,
        writes=(topics.ENRICHED_ENGAGEMENT,),
    )


def _alone(name: str, leg: Leg) -> Flow[NoSettings]:
    return Flow(id=name, purpose=PURPOSE, needs=(), settings=NoSettings, legs=lambda _: (leg,))


def renamed(topic: Topic[Any], name: str) -> Topic[Any]:
    """The same records in another topic."""
    return topic if name == topic.name else replace(topic, name=name)


def _changed(flow: Flow[Any], reads: str, *, by_columns: bool = True) -> Flow[Any]:
    """A flow that finds its engagement events in the topic `reads`."""

    def changed(leg: Leg) -> Leg:
        if not isinstance(leg, Columns):
            return leg
        leg = leg if by_columns else replace(leg, batches=None)
        return replace(leg, reads=renamed(topics.BRAZE_ENGAGEMENT, reads))

    return replace(flow, legs=lambda settings: tuple(map(changed, flow.legs(settings))))


def flows(name: str, reads: str = topics.BRAZE_ENGAGEMENT.name) -> tuple[Flow[Any], ...]:
    """The flows of that name; engagement events come from the topic `reads`."""
    source = renamed(topics.BRAZE_ENGAGEMENT, reads)
    insight = engagement_insight.FLOW
    made: Mapping[str, Iterable[Flow[Any]]] = {
        "enrich": (_alone("bench.enrich", _by_records(source)),),
        "columns": (_alone("bench.columns", _by_columns(source)),),
        "whole": (_changed(insight, reads),),
        "whole-rows": (_changed(insight, reads, by_columns=False),),
        "known": (_changed(customers.FLOW, reads), _changed(insight, reads)),
        "all": (*FEEDS, *PRODUCT_FLOWS),
    }
    return tuple(made[name])


NAMES = ("enrich", "columns", "whole", "whole-rows", "known", "all")
