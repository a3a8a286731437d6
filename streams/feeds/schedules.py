"""Messages scheduled in Braze and taken back → the schedules table."""

import msgspec

from gridwire import topics
from gridwire.records import BrazeSchedule, CustomerSchedules, OutstandingSchedule
from streams.flow import Effects, Flow, Fold, Keep, Leg, on
from streams.rules import braze
from streams.rules.bounds import Positive
from streams.tables import SCHEDULES


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`schedules_max`: remembered per customer; beyond it those that go out first are forgotten."""

    schedules_max: Positive = 100


def keep(fact: BrazeSchedule, row: CustomerSchedules | None, schedules_max: int) -> Effects:
    """The row with what the fact says, and without what has gone out by then."""
    version = max(fact.occurred_at, row.version if row else 0)
    others = [
        one
        for one in (row.outstanding if row else ())
        if one.schedule_id != fact.schedule_id and not _is_out(one, version)
    ]
    if fact.state == "created":
        made = braze.outstanding(fact)
        others += [] if _is_out(made, version) else [made]
    others.sort(key=lambda one: (one.send_at or 0, one.schedule_id))
    yield Keep(
        CustomerSchedules(
            version=version,
            customer_ref=fact.customer_ref,
            outstanding=tuple(others[-schedules_max:]),
        )
    )


def _is_out(one: OutstandingSchedule, now_ms: int) -> bool:
    return one.send_at is not None and one.send_at <= now_ms


def legs(settings: Settings) -> tuple[Leg, ...]:
    def merge(fact: BrazeSchedule, row: CustomerSchedules | None) -> Effects:
        return keep(fact, row, settings.schedules_max)

    return (
        Fold(
            name="keep",
            state=SCHEDULES,
            inputs=(on(topics.BRAZE_SCHEDULES, lambda fact: fact.customer_ref, merge),),
            writes=(),
        ),
    )


FLOW = Flow(
    id="feed.schedules",
    purpose="What we scheduled in Braze can be taken back.",
    needs=("braze",),
    settings=Settings,
    legs=legs,
)
