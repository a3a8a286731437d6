"""What the customers of tests receive from Braze: all speaking flows driven together, and their commands in words."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import customer_cases, schedules, threads_by_order
from streams.flow import Flow
from streams.tables import CUSTOMERS, ORDERS, PARTNERS, PRODUCTS
from tests.unit.streams.making import ORDER, SKU, customer, partner, product, stored_order, thread

WHO = "customer-7"


def braze_driver(*flows: Flow[Any], settings: dict[str, Any] | None = None) -> Driver:
    """One customer with one order, an active partner and its product."""
    driver = Driver(
        schedules.FLOW, threads_by_order.FLOW, customer_cases.FLOW, *flows, settings=settings
    )
    driver.row(PARTNERS, partner("pt_1", name="Acme"))
    driver.row(ORDERS, stored_order(ORDER))
    driver.row(CUSTOMERS, customer())
    for sku in (SKU, "SKU-2"):
        try:
            driver.row(PRODUCTS, product(sku))
        except ValueError:  # no flow of this driver looks products up
            break
    return driver


def about(reason: str, **fields: Any) -> r.Thread:
    """A thread about one line, for one reason."""
    line = r.ThreadLine(line_ref="1", sku=SKU, quantity=1, reason_code=reason)
    return thread(**{"lines": (line,), **fields})


def history(reason: str, *statuses: str, first_version: int = 1, **fields: Any) -> list[r.Thread]:
    """A thread in one status after another."""
    return [
        about(reason, status=status, version=version, **fields)
        for version, status in enumerate(statuses, start=first_version)
    ]


def lived(driver: Driver, *threads: r.Thread, minutes: float = 2) -> None:
    """The threads come by one after another, with time between them."""
    for one in threads:
        driver.send(topics.TRADING_GRID_THREADS, one)
        driver.advance(minutes=minutes)


def calls(driver: Driver, flow: str | None = None) -> list[tuple[str, str]]:
    """(operation, campaign, Canvas, event or schedule) of the commands since the last look, of one flow or all."""
    return [
        (one.operation, what(one))
        for one in driver.take(topics.BRAZE_COMMANDS)
        if flow in (None, one.flow)
    ]


def what(command: r.BrazeCommand) -> str:
    """What a command names."""
    if command.trigger_campaign:
        return command.trigger_campaign.campaign_id
    if command.trigger_canvas:
        return command.trigger_canvas.canvas_id
    if command.track_event:
        return command.track_event.name
    if command.delete_schedule:
        return command.delete_schedule.schedule_id
    if command.schedule_campaign:
        return command.schedule_campaign.campaign_id
    if command.upsert_catalog_item:
        return command.upsert_catalog_item.sku
    return ",".join(command.set_attributes.attributes.values()) if command.set_attributes else ""


def speech(command: r.BrazeCommand) -> tuple[str, str, str] | None:
    """(customer, thread, status) of a command that makes the customer receive a message about a case."""
    if command.trigger_campaign:
        about_it = command.trigger_campaign.trigger_properties
    elif command.trigger_canvas:
        about_it = command.trigger_canvas.context
    else:
        return None
    if not about_it.get("case_id"):
        return None
    return command.lane, about_it["case_id"], about_it.get("status", "")


def speeches(driver: Driver) -> list[tuple[str, str, str]]:
    """All messages about cases so far."""
    found = (speech(one) for one in driver.out(topics.BRAZE_COMMANDS))
    return [one for one in found if one is not None]
