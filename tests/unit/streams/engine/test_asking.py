"""What a record asks for while it waits is never taken for what it gives once it has its row."""

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.flow import Effects, Wait, join
from streams.tables import ORDERS
from tests.unit.streams.engine.flows import ORDER_FEED, flow, shop_order, thread


def _command(entry: r.OrderThread) -> r.BrazeCommand:
    return r.BrazeCommand(flow="test.flow", lane=entry.order_ref, operation="refresh_profile")


def _told(entry: r.OrderThread, _: r.Order) -> Effects:
    yield _command(entry)


ASKING = flow(
    join(
        name="ask",
        reads=topics.ORDER_THREADS,
        lookups=(ORDERS.by(lambda entry: entry.order_ref, Wait(30, ask=_command)),),
        emits=_told,
        writes=(topics.BRAZE_COMMANDS,),
    )
)


def test_what_is_asked_and_what_is_given_have_ids_of_their_own_and_keep_them() -> None:
    def ids() -> list[str]:
        driver = Driver(ORDER_FEED, ASKING)
        entry = r.OrderThread(order_ref="bigcommerce:1", thread=thread(), event_id="e1")
        driver.send(topics.ORDER_THREADS, entry)
        driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1"))
        assert [one.causation_id for one in driver.out(topics.BRAZE_COMMANDS)] == ["e1", "e1"]
        return [one.event_id for one in driver.out(topics.BRAZE_COMMANDS)]

    asked, given = ids()
    assert asked != given
    assert ids() == [asked, given]
