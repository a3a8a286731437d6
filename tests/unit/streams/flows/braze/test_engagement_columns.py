"""The engagement flow by Arrow columns: what goes this way, what does not, and what that costs its neighbours."""

from typing import Any

from gridwire import topics
from gridwire.records import Engagement
from streams.driver import START_MS
from streams.engine.settle import Limits
from streams.flows.braze import engagement_insight
from tests.unit.streams.columns import Said, columns_legs, said
from tests.unit.streams.flows.column_samples import SAMPLES, SKUS

(ENRICH,) = columns_legs((engagement_insight.FLOW,))


def _said(batches: list[list[Any]], limits: Limits | None = None) -> Said:
    return said(ENRICH, SAMPLES[ENRICH.label], batches, limits, arrow=True)


def _event(number: int, **fields: Any) -> Engagement:
    given_: dict[str, Any] = {
        "event_id": f"00000000-0000-5000-8000-{number:012d}",
        "occurred_at": START_MS + number,
        "produced_at": START_MS + number,
        "source": "braze/currents",
        "version": 0,
        "trace_id": "",
        "user_id": f"user-{number % 7}",
        "identified": True,
        "kind": ("product_view", "cart_update", "purchase", "email_open")[number % 4],
        "event_type": "x",
        "sku": SKUS[number % 5],
    }
    return Engagement(**(given_ | fields))


def test_ordinary_events_go_by_columns() -> None:
    found = _said([[_event(n) for n in range(100)]])
    assert found.fallbacks == 0
    assert len(found.outs[topics.ENRICHED_ENGAGEMENT.name]) == 100


def test_a_redelivery_among_columns_is_dropped_alone() -> None:
    batch = [_event(n) for n in range(10)]
    found = _said([batch, [*batch[5:], _event(10), _event(10)]])
    assert found.counts["", topics.BRAZE_ENGAGEMENT.name, "duplicate", ""] == 6
    assert len(found.outs[topics.ENRICHED_ENGAGEMENT.name]) == 11
    assert found.fallbacks == 0


def test_a_poison_message_costs_its_batch_the_columns_and_nothing_else() -> None:
    batch: list[Any] = [_event(n) for n in range(10)]
    found = _said([[*batch[:5], b"poison", *batch[5:]]])
    assert [letter[0] for letter in found.dead] == [5]
    assert len(found.outs[topics.ENRICHED_ENGAGEMENT.name]) == 10
    assert found.fallbacks == 1


def test_an_output_that_is_too_large_is_dead_alone() -> None:
    batch = [_event(1), _event(2, campaign_id="x" * 2_000), _event(3)]
    found = _said([batch], Limits(output_bytes_max=1_000))
    assert [letter[0] for letter in found.dead] == [1]
    assert len(found.outs[topics.ENRICHED_ENGAGEMENT.name]) == 2
