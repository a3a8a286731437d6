"""braze.case-notification driven alone: threads move, and what the customer is told of them in words."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import customer_cases, threads_by_order
from streams.flows.braze import case_notification
from streams.tables import CUSTOMERS, ORDERS, PARTNERS
from tests.unit.streams.making import ORDER, customer, partner, stored_order, thread

FLOW = "braze.case-notification"


def driven(
    *, known: bool = True, feed: customer_cases.Settings | None = None, **settings: Any
) -> Driver:
    chosen = {
        FLOW: case_notification.Settings(**settings),
        customer_cases.FLOW_ID: feed or customer_cases.Settings(),
    }
    driver = Driver(
        threads_by_order.FLOW, customer_cases.FLOW, case_notification.FLOW, settings=chosen
    )
    driver.row(PARTNERS, partner("pt_1", name="Acme"))
    driver.row(ORDERS, stored_order(ORDER))
    if known:
        driver.row(CUSTOMERS, customer())
    return driver


def moved(driver: Driver, *statuses: str, first_version: int = 1, **fields: Any) -> None:
    for version, status in enumerate(statuses, start=first_version):
        driver.send(topics.TRADING_GRID_THREADS, thread(status=status, version=version, **fields))


def told(driver: Driver) -> list[tuple[str, str]]:
    """(operation, campaign or attribute value) of the commands since the last look."""
    found = []
    for command in driver.take(topics.BRAZE_COMMANDS):
        if command.trigger_campaign:
            found.append(("trigger", command.trigger_campaign.campaign_id))
        elif command.set_attributes:
            found.append(("attribute", command.set_attributes.attributes["partner_case_status"]))
        else:
            found.append((command.operation, ""))
    return found


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "tell", reason]


def trigger(driver: Driver) -> r.TriggerCampaign:
    (command,) = driver.take(topics.BRAZE_COMMANDS)
    assert command.trigger_campaign is not None
    return command.trigger_campaign
