"""Flows that fill tables and shared streams; they come before all other flows."""

from typing import Any

from streams.feeds import (
    customer_cases,
    customers,
    order_documents,
    order_threads,
    ordered_units,
    orders,
    products,
    schedules,
)
from streams.flow import Flow

FEEDS: tuple[Flow[Any], ...] = (
    orders.FLOW,
    products.FLOW,
    customers.FLOW,
    order_threads.FLOW,
    order_documents.FLOW,
    schedules.FLOW,
    customer_cases.FLOW,
    ordered_units.FLOW,
)
