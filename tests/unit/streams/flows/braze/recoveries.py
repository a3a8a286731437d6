"""braze.service-recovery driven with the flows that speak beside it: incidents are resolved, people decide."""

from typing import Any

from gridwire import records as r
from gridwire import topics
from streams.driver import Driver
from streams.feeds import customer_cases
from streams.flows.braze import case_notification, journey_adjustment, service_recovery
from streams.tables import CUSTOMERS
from tests.unit.streams.flows.braze.customers import (
    about,
    braze_driver,
    lived,
)
from tests.unit.streams.making import customer

FLOW = "braze.service-recovery"
VIP = {"value_tier": "gold", "churn_risk": 0.1}


def driven(
    customer_fields: dict[str, Any] | None = None, *, again_days: int = 30, **settings: Any
) -> Driver:
    chosen = {
        FLOW: service_recovery.Settings(**settings),
        customer_cases.FLOW_ID: customer_cases.Settings(again_days=again_days),
    }
    driver = braze_driver(
        case_notification.FLOW, journey_adjustment.FLOW, service_recovery.FLOW, settings=chosen
    )
    driver.row(CUSTOMERS, customer(version=1, **(customer_fields or {})))
    return driver


def worth(amount_minor: int, currency: str = "USD") -> r.Resolution:
    return r.Resolution(
        code="credited",
        action="credit",
        summary="Credited.",
        amount_minor=amount_minor,
        currency=currency,
    )


def resolved(driver: Driver, reason: str = "damaged", **fields: Any) -> None:
    """An incident that the customer was told of is resolved."""
    lived(driver, about(reason), about(reason, status="resolved", version=2, **fields))


def filtered(driver: Driver, reason: str) -> int:
    return driver.filtered[FLOW, "recover", reason]


def recovery(driver: Driver) -> r.TriggerCampaign:
    """The one recovery that went out."""
    (found,) = [
        one.trigger_campaign
        for one in driver.out(topics.BRAZE_COMMANDS)
        if one.flow == FLOW and one.trigger_campaign
    ]
    return found


def decided(driver: Driver, decision: r.Decision) -> None:
    (approval,) = driver.out(topics.APPROVALS)
    answer = r.ApprovalDecision(
        approval_id=approval.approval_id,
        flow=approval.flow,
        key=approval.key,
        decision=decision,
        by="ops",
    )
    driver.send(topics.APPROVAL_DECISIONS, answer)
