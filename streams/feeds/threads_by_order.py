"""Threads of Trading Grid → once per order that they name, keyed by the order."""

from gridwire import topics
from gridwire.records import OrderThread, Thread
from streams.flow import Effects, Filtered, Flow, Leg, NoSettings, map_leg
from streams.rules.references import order_refs


def split(thread: Thread) -> Effects:
    """One record per related order."""
    found = order_refs(thread)
    if not found:
        yield Filtered("names no order")
    for order_ref in found:
        yield OrderThread(order_ref=order_ref, thread=thread)


def legs(_: NoSettings) -> tuple[Leg, ...]:
    return (
        map_leg(
            name="split",
            reads=topics.TRADING_GRID_THREADS,
            emits=split,
            writes=(topics.ORDER_THREADS,),
        ),
    )


FLOW = Flow(
    id="feed.threads-by-order",
    purpose="Each thread change reaches every order that the thread names.",
    needs=("trading-grid",),
    settings=NoSettings,
    legs=legs,
)
