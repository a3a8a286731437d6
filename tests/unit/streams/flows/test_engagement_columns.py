"""The engagement flow by Arrow columns and by records: the same messages, ids, counts and dead letters."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gridwire import topics
from gridwire.codec import Codec
from gridwire.records import SCHEMAS, Engagement
from streams.driver import START_MS, LocalRegistry
from streams.engine.message import LocalMessage
from streams.engine.plan import plan
from streams.engine.references import References
from streams.engine.settle import Limits
from streams.engine.task import Task
from streams.flows.braze import engagement_insight
from streams.tables import CUSTOMERS
from tests.unit.any_record import records_of
from tests.unit.streams.making import HOUR_MS, customer, partner, product

SKUS = ("SKU-1", "SKU-2", "SKU-3", "", None)
USERS = ("ann", "bob", "cleo", "")
TIMES = st.one_of(
    st.integers(START_MS - 2 * HOUR_MS, START_MS + 2 * HOUR_MS),
    st.sampled_from((0, -1, 1, START_MS, 253_402_300_799_000, (1 << 63) - 1, -(1 << 63))),
)
PLAUSIBLE = st.builds(
    Engagement,
    event_id=st.one_of(st.uuids().map(str), st.sampled_from(("a", "b", "ünïque"))),
    occurred_at=TIMES,
    produced_at=TIMES,
    source=st.just("braze/currents"),
    version=st.integers(0, 3),
    trace_id=st.sampled_from(("", "t1", "t2")),
    user_id=st.sampled_from(USERS),
    identified=st.booleans(),
    kind=st.sampled_from(
        ("email_open", "email_send", "product_view", "cart_update", "purchase", "order_placed")
    ),
    event_type=st.just("x"),
    channel=st.sampled_from((None, "email")),
    sku=st.sampled_from(SKUS),
    quantity=st.integers(0, 5),
    revenue_minor=st.sampled_from((None, 0, 250)),
    currency=st.sampled_from((None, "", "EUR", "USD")),
    region=st.sampled_from((None, "", "DE", "US-CA")),
    machine_open=st.booleans(),
    suspected_bot=st.booleans(),
    properties=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
EVENTS = st.one_of(PLAUSIBLE, PLAUSIBLE, records_of(Engagement))
POISON = st.sampled_from((None, b"", b"\0", b"\0\0\0\0\1", b"\0\0\0\xff\xff1", b"no avro at all"))
BATCHES = st.lists(
    st.lists(st.one_of(EVENTS, EVENTS, EVENTS, POISON), min_size=1, max_size=8),
    min_size=1,
    max_size=3,
)
Said = tuple[Mapping[str, Sequence[tuple[str, bytes]]], Counter[Any], list[Any], Any]


def _task(limits: Limits, *, arrow: bool) -> tuple[Task, Codec]:
    made = plan((engagement_insight.FLOW,), arrow=arrow)
    codec = Codec(LocalRegistry())
    # Both codecs number the schemas alike, whichever they need first.
    for topic in sorted(topics.TOPICS, key=lambda topic: topic.name):
        codec.registry.id_of(topic.subject, SCHEMAS[topic.record])
    references = References(made.references, codec)
    rows: tuple[tuple[Any, str, Any], ...] = (
        (topics.TRADING_GRID_PARTNERS, "partners", partner("pt_1", skus=("SKU-1",))),
        (topics.TRADING_GRID_PARTNERS, "partners", partner("pt_2", skus=("SKU-2",))),
        (topics.PRODUCTS, "products", product("SKU-1", product_line="lamps")),
    )
    for topic, table, row in rows:
        references.by_name[table].apply(topic.key(row), codec.of(topic).encode(row))
    task = Task(made, 0, codec, references, limits)
    known = customer("ann", event_id="c", occurred_at=1, region="FR")
    task.state.tables["customers"].put("ann", known, codec.of(CUSTOMERS.changelog).encode(known))
    return task, codec


def _said(limits: Limits, batches: Sequence[Sequence[Any]], *, arrow: bool) -> Said:
    """All that a task hands over for these batches."""
    task, codec = _task(limits, arrow=arrow)
    topic, offset = topics.BRAZE_ENGAGEMENT, 0
    outs: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    counts: Counter[Any] = Counter()
    dead: list[Any] = []
    changes: list[Any] = []
    for batch in batches:
        messages = []
        for one in batch:
            value = codec.of(topic).encode(one) if isinstance(one, Engagement) else one
            messages.append(LocalMessage(topic.name, 0, offset, b"k", value))
            offset += 1
        task.process(topic, messages, START_MS)
        outbox, changed = task.drain()
        task.commit()
        for out in outbox.outs:
            outs[out.topic].extend(out.messages())
        counts.update({k: n for k, n in outbox.counts.take().items() if n})
        dead.extend((d.message.offset(), d.flow, d.leg, d.reason, d.trace_id) for d in outbox.dead)
        changes.append({name: dict(rows) for name, rows in changed.items()})
    return outs, counts, dead, changes


def _fallbacks(counts: Counter[Any]) -> int:
    """How many batches went by records; both kinds are taken out of the counts."""
    for key in [key for key in counts if key[2] == "columns batch"]:
        del counts[key]
    return sum(counts.pop(key) for key in list(counts) if key[2] == "columns fallback")


@settings(max_examples=150, deadline=None)
@given(BATCHES, st.sampled_from((900_000, 420)), st.sampled_from((0, START_MS)))
def test_columns_and_records_say_the_same(
    batches: list[list[Any]], output_bytes_max: int, go_live_ms: int
) -> None:
    limits = Limits(output_bytes_max=output_bytes_max, go_live_ms=go_live_ms)
    by_columns = _said(limits, batches, arrow=True)
    by_records = _said(limits, batches, arrow=False)
    _fallbacks(by_columns[1])
    assert by_columns == by_records


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
    said = _said(Limits(), [[_event(n) for n in range(100)]], arrow=True)
    assert _fallbacks(said[1]) == 0
    assert len(said[0][topics.ENRICHED_ENGAGEMENT.name]) == 100


def test_a_redelivery_among_columns_is_dropped_alone() -> None:
    batch = [_event(n) for n in range(10)]
    said = _said(Limits(), [batch, [*batch[5:], _event(10), _event(10)]], arrow=True)
    assert said[1]["", topics.BRAZE_ENGAGEMENT.name, "duplicate", ""] == 6
    assert len(said[0][topics.ENRICHED_ENGAGEMENT.name]) == 11
    assert _fallbacks(said[1]) == 0


def test_a_poison_message_costs_its_batch_the_columns_and_nothing_else() -> None:
    batch: list[Any] = [_event(n) for n in range(10)]
    said = _said(Limits(), [[*batch[:5], b"poison", *batch[5:]]], arrow=True)
    assert [letter[0] for letter in said[2]] == [5]
    assert len(said[0][topics.ENRICHED_ENGAGEMENT.name]) == 10
    assert _fallbacks(said[1]) == 1


def test_an_output_that_is_too_large_is_dead_alone() -> None:
    batch = [_event(1), _event(2, campaign_id="x" * 2_000), _event(3)]
    said = _said(Limits(output_bytes_max=1_000), [batch], arrow=True)
    assert [letter[0] for letter in said[2]] == [1]
    assert len(said[0][topics.ENRICHED_ENGAGEMENT.name]) == 2
