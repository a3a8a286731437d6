"""Flows that fill tables and shared streams; they come before all other flows."""

from typing import Any

from streams.feeds import (
    customer_cases,
    customers,
    documents_by_order,
    ordered_units,
    orders,
    products,
    schedules,
    threads_by_order,
)
from streams.flow import Flow

FEEDS: tuple[Flow[Any], ...] = (
    orders.FLOW,
    products.FLOW,
    customers.FLOW,
    threads_by_order.FLOW,
    documents_by_order.FLOW,
    schedules.FLOW,
    customer_cases.FLOW,
    ordered_units.FLOW,
)
