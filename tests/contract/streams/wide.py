"""Windows, and batches by rows and by columns, over topics of their own."""

from collections.abc import Sequence

import pyarrow as pa

from gridwire import records as r
from streams.flow import (
    Caused,
    Columns,
    Effect,
    Effects,
    Filtered,
    Fired,
    Fold,
    Forget,
    Keep,
    Outputs,
    Rows,
    on,
    on_timer,
)
from streams.rules.windows import Recent, Sliding, Tumbling, Windows, window_start
from tests.contract.streams.flows import (
    MINUTE_MS,
    PARTNERS,
    events_in,
    flow_of,
    found_in,
    found_of,
    window_of,
)

# ---- windows -------------------------------------------------------------------------------------------------------
SIZE_MS = 10 * MINUTE_MS
GRACE_MS = 5 * MINUTE_MS
TUMBLING_IN, TUMBLING_OUT = events_in("tumbling"), found_in("tumbling")
SLIDING_IN, SLIDING_OUT = events_in("sliding"), found_in("sliding")
_TUMBLING = Tumbling(
    size_ms=SIZE_MS,
    grace_ms=GRACE_MS,
    retain_ms=0,
    amend_delay_ms=MINUTE_MS,
    forget_ms=60 * MINUTE_MS,
    open_max=4,
)
_SLIDING = Sliding(
    size_ms=SIZE_MS, grace_ms=GRACE_MS, retain_ms=0, skew_ms=MINUTE_MS, events_max=20
)


def _add(event: r.Engagement, windows: Windows[int] | None) -> Effects:
    added = _TUMBLING.add(
        windows or Windows(),
        window_start(event.occurred_at, SIZE_MS),
        lambda total: (total or 0) + event.quantity,
        arrived_ms=event.produced_at,
        now_ms=event.produced_at,
    )
    if isinstance(added, Filtered):
        yield added
        return
    yield Keep(added.windows)
    yield from added.timers


def _due(fired: Fired[Windows[int]]) -> Effects:
    found = _TUMBLING.due(fired.state, fired.name)
    if found is None:
        yield Forget()
        return
    if found.write is not None:
        yield window_of(fired.key, found.start_ms, found.write.value, found.write.amendment)
    yield from found.timers
    yield Keep(found.windows)


def _slide(event: r.Engagement, recent: Recent[int] | None) -> Effects:
    found = _SLIDING.add(
        recent or Recent(), event.occurred_at, event.quantity, arrived_ms=event.produced_at
    )
    if isinstance(found, Filtered):
        yield found
        return
    yield Keep(found.recent)
    yield found.timer
    for end_ms, values in found.changed.items():
        yield window_of(event.user_id, end_ms, sum(values))


def _forget(_fired: Fired[Recent[int]]) -> Effects:
    yield Forget()


WINDOWS = flow_of(
    "windows",
    Fold(
        name="tumbling",
        state=Windows[int],
        inputs=(on(TUMBLING_IN, lambda e: e.user_id, _add),),
        writes=(TUMBLING_OUT,),
        on_timer=on_timer(_due),
    ),
    Fold(
        name="sliding",
        state=Recent[int],
        inputs=(on(SLIDING_IN, lambda e: e.user_id, _slide),),
        writes=(SLIDING_OUT,),
        on_timer=on_timer(_forget),
    ),
)

# ---- columns -------------------------------------------------------------------------------------------------------
ROWS_IN, ROWS_OUT = events_in("rows"), found_in("rows")
ARROW_IN, ARROW_OUT = events_in("arrow"), found_in("arrow")


def _batch(events: Sequence[r.Engagement], rows: Rows) -> Effects:
    """Opens are left out; the rest gets the first partner of its sku."""
    opens = 0
    for event in events:
        if event.sku == "raises":
            raise RuntimeError("somewhere in the batch")
        if event.kind == "email_open":
            opens += 1
            continue
        yield Caused(event, found_of(event, "batch", _partner_of(event.sku, rows)))
    if opens:
        yield Filtered("an open", opens)


def _partner_of(sku: str | None, rows: Rows) -> str | None:
    partners = rows.where(PARTNERS, "sku", sku or "")
    return partners[0].partner_id if partners else None


COPIED = ("user_id", "kind", "channel", "sku", "quantity", "region")


def _arrow(batch: pa.RecordBatch, rows: Rows) -> Effects:
    """The same on columns."""
    kinds, skus = batch.column("kind").to_pylist(), batch.column("sku").to_pylist()
    if "raises" in skus:
        raise RuntimeError("somewhere in the batch")
    kept = [place for place, kind in enumerate(kinds) if kind != "email_open"]
    causes = pa.array(kept, pa.int64())
    none = pa.nulls(len(kept), pa.string())
    columns = {name: batch.column(name).take(causes) for name in COPIED} | {
        "revenue_minor": pa.nulls(len(kept), pa.int64()),
        "currency": none,
        "campaign_id": none,
        "canvas_id": none,
        "partner_id": pa.array([_partner_of(skus[place], rows) for place in kept], pa.string()),
        "product_line": pa.repeat(pa.scalar("batch"), len(kept)),
    }
    out: Effect = Outputs(r.EnrichedEngagement, columns["user_id"], columns, causes)
    yield out
    if len(kept) < len(kinds):
        yield Filtered("an open", len(kinds) - len(kept))


COLUMNS = flow_of(
    "columns",
    Columns("rows", ROWS_IN, (PARTNERS,), _batch, (ROWS_OUT,)),
    Columns("arrow", ARROW_IN, (PARTNERS,), _batch, (ARROW_OUT,), _arrow),
)
