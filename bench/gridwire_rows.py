"""The real streams role, as a child process: the whole engagement flow, or the part of it that the peers do."""

import argparse
import asyncio
import signal
from typing import Any

from gridwire import logs, topics
from gridwire.records import EnrichedEngagement, Partner
from gridwire.settings import KafkaSettings
from streams.flow import Effects, Flow, Leg, NoSettings, join
from streams.flows.braze import engagement_insight
from streams.runtime.settings import StreamsSettings
from streams.runtime.worker import run_streams
from streams.tables import PARTNERS

COMMIT_INTERVAL_MS = 100


def _skus(event: Any) -> tuple[str, ...]:
    return (event.sku,) if event.sku else ()


def _enrich(event: Any, by_sku: Any) -> Effects:
    found: tuple[Partner, ...] = by_sku.get(event.sku, ())
    yield EnrichedEngagement(
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


def _legs(_settings: NoSettings) -> tuple[Leg, ...]:
    return (
        join(
            name="enrich",
            reads=topics.BRAZE_ENGAGEMENT,
            lookups=(PARTNERS.where("sku", _skus),),
            emits=_enrich,
            writes=(topics.ENRICHED_ENGAGEMENT,),
        ),
    )


ENRICH = Flow(
    id="bench.enrich",
    purpose="What the peers do: join each event with its partner, write it enriched.",
    needs=(),
    settings=NoSettings,
    legs=_legs,
)
FLOWS: dict[str, Flow[Any]] = {"enrich": ENRICH, "whole": engagement_insight.FLOW}


async def _run(settings: KafkaSettings, flow: Flow[Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    streams = StreamsSettings(commit_interval_ms=COMMIT_INTERVAL_MS)
    await run_streams(settings, streams, (flow,), {}, stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--registry", required=True)
    parser.add_argument("--group", required=True, help="the beginning of group ids")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("flow", choices=FLOWS)
    asked = parser.parse_args()
    logs.configure("streams")
    settings = KafkaSettings(
        bootstrap=asked.bootstrap,
        registry_url=asked.registry,
        group_prefix=asked.group,
        partitions=asked.partitions,
        ops_host="127.0.0.1",
        ops_port=0,
    )
    asyncio.run(_run(settings, FLOWS[asked.flow]))


if __name__ == "__main__":
    main()
