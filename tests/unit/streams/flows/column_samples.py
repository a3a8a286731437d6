"""Records and rows with which columns legs are tried: one Sample for each leg that has `batches`."""

from collections.abc import Mapping

import msgspec
from hypothesis import strategies as st

from gridwire.records import Engagement
from streams.driver import START_MS
from streams.tables import CUSTOMERS, PARTNERS, PRODUCTS
from tests.unit.streams.columns import Sample
from tests.unit.streams.making import HOUR_MS, customer, partner, product

SKUS = ("SKU-1", "SKU-2", "SKU-3", "", None)
TIMES = st.integers(START_MS - 2 * HOUR_MS, START_MS + 2 * HOUR_MS)
ABSURD_TIMES = st.sampled_from((0, -1, 1, START_MS, 253_402_300_799_000, (1 << 63) - 1, -(1 << 63)))
ENGAGEMENT = st.builds(
    Engagement,
    event_id=st.one_of(st.uuids().map(str), st.sampled_from(("a", "b", "ünïque"))),
    occurred_at=TIMES,
    produced_at=TIMES,
    source=st.just("braze/currents"),
    version=st.integers(0, 3),
    trace_id=st.sampled_from(("", "t1", "t2")),
    user_id=st.sampled_from(("ann", "bob", "cleo", "")),
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
ENGAGEMENT_AT_ANY_TIME = st.builds(
    lambda one, occurred_at, produced_at: msgspec.structs.replace(
        one, occurred_at=occurred_at, produced_at=produced_at
    ),
    ENGAGEMENT,
    st.one_of(TIMES, ABSURD_TIMES),
    st.one_of(TIMES, ABSURD_TIMES),
)
SAMPLES: Mapping[str, Sample] = {
    "braze.engagement-insight/enrich": Sample(
        ENGAGEMENT,
        ENGAGEMENT_AT_ANY_TIME,
        (
            (PARTNERS, partner("pt_1", skus=("SKU-1",))),
            (PARTNERS, partner("pt_2", skus=("SKU-2",))),
            (PRODUCTS, product("SKU-1", product_line="lamps")),
            (CUSTOMERS, customer("ann", event_id="c", occurred_at=1, region="FR")),
        ),
    ),
}
