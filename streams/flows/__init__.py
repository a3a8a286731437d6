"""All flows, in one explicit list."""

from typing import Any

from streams.flow import Flow
from streams.flows.bigcommerce import availability, order_exception
from streams.flows.braze import availability as braze_availability
from streams.flows.braze import (
    case_notification,
    document_release,
    engagement_insight,
    feedback_loop,
    journey_adjustment,
    service_recovery,
)

FLOWS: tuple[Flow[Any], ...] = (
    case_notification.FLOW,
    feedback_loop.FLOW,
    service_recovery.FLOW,
    journey_adjustment.FLOW,
    document_release.FLOW,
    braze_availability.FLOW,
    engagement_insight.FLOW,
    order_exception.FLOW,
    availability.FLOW,
)
