"""Rows that nobody changes any more: deleted by the partition's time, a few at a time."""

from typing import Any

import msgspec
import pytest

from gridwire import topics
from streams.driver import START_MS, Driver
from streams.engine import expiry
from streams.flow import Fold, Table, on
from streams.tables import CUSTOMERS, ORDERS, PARTNERS
from tests.unit.streams.engine.flows import ORDER_FEED, flow, order, shop_order

DAY_MS = 86_400_000


def driven(**rows: int) -> Driver:
    """Orders by reference → how many days ago they were written."""
    driver = Driver(ORDER_FEED)
    state = driver._task.state.tables["orders"]
    for ref, days in rows.items():
        row = msgspec.structs.replace(order(ref), produced_at=START_MS - days * DAY_MS)
        state.put(ref, row, driver._codec.of(ORDERS.changelog).encode(row))
    driver._settle()  # as restored: by `row` they would expire in the round in which they come
    return driver


def held(driver: Driver) -> set[str]:
    return set(driver.table(ORDERS))


def test_a_row_that_nobody_wrote_for_as_long_as_its_table_retains_rows_is_deleted() -> None:
    driver = driven(old=401, young=399)
    driver.advance(minutes=1)
    assert held(driver) == {"young"}
    assert driver.counts["", "orders", "expired", ""] == 1
    driver.advance(hours=24 * 2)
    assert held(driver) == set()


def test_a_deleted_row_is_a_tombstone_in_the_changelog_and_stays_deleted() -> None:
    driver = driven(old=401)
    assert set(driver._changelog["table.orders"]) == {"old"}
    driver.advance(minutes=1)
    assert not driver._changelog["table.orders"]
    driver.restart()
    assert held(driver) == set()


def test_a_row_that_is_written_again_lives_on() -> None:
    driver = driven(**{"bigcommerce:1": 399})
    driver.send(topics.BIGCOMMERCE_ORDERS, shop_order("bigcommerce:1", 2))
    driver.advance(hours=24 * 30)
    assert held(driver) == {"bigcommerce:1"}
    driver.advance(hours=24 * 371)
    assert held(driver) == set()


def test_a_step_looks_at_so_many_rows_and_all_of_them_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "ROWS_PER_STEP_MAX", 10)
    driver = driven(**{f"o{n}": 500 for n in range(25)})
    driver._task.tick(START_MS)
    assert len(held(driver)) == 15
    assert driver._task.next_due_ms() == 0
    driver._task.tick(START_MS)
    driver._task.tick(START_MS)
    assert len(held(driver)) == 0


def test_what_an_aborted_round_expired_is_there_again_and_goes_later() -> None:
    driver = driven(old=401)
    driver._task.tick(START_MS)
    assert held(driver) == set()
    driver._task.abort()
    assert held(driver) == {"old"}
    driver.advance(hours=7)
    assert held(driver) == set()


def test_while_time_stands_still_nothing_expires() -> None:
    driver = driven(old=401)
    driver._task.tick(0)
    assert held(driver) == {"old"}


def test_a_row_without_a_time_of_writing_stays() -> None:
    driver = driven()
    raw = driver._codec.of(ORDERS.changelog).encode(order("timeless"))
    driver._task.state.tables["orders"].put("timeless", order("timeless"), raw)
    driver._settle()
    driver.advance(hours=24 * 500)
    assert held(driver) == {"timeless"}


def test_the_tables_of_this_product_retain_rows_for_years_not_for_ever() -> None:
    assert (ORDERS.retain_days, CUSTOMERS.retain_days) == (400, 730)


@pytest.mark.parametrize("more", [{"retain_days": 0}, {"copy_of": PARTNERS.copy_of}])
def test_a_retention_that_makes_no_sense_is_refused(more: dict[str, Any]) -> None:
    given: dict[str, Any] = {"retain_days": 1} | more
    with pytest.raises(ValueError, match="retain_days is for partitioned tables"):
        Table(name="t", row=PARTNERS.row, key=lambda row: row.partner_id, doc="", **given)


def test_a_table_without_retention_keeps_rows_for_ever() -> None:
    table = Table(name="kept", row=ORDERS.row, key=lambda row: row.order_ref, doc="")
    leg = Fold("keep", table, (on(topics.BIGCOMMERCE_ORDERS, lambda o: o.order_ref, _none),), ())
    driver = Driver(flow(leg))
    driver.row(table, msgspec.structs.replace(order("old"), produced_at=1))
    driver.advance(hours=24 * 5_000)
    assert set(driver.table(table)) == {"old"}


def _none(_record: Any, _row: Any) -> Any:
    return iter(())
