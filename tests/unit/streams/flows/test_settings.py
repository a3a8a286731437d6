"""Settings of flows and feeds: typed defaults, bounds, checked when they are read."""

from typing import Any

import msgspec
import pytest

from streams.feeds import FEEDS, customer_cases
from streams.flow import Flow
from streams.flows import FLOWS
from streams.flows.bigcommerce import availability, order_exception
from streams.flows.braze import case_notification, engagement_insight

ALL = [*FEEDS, *FLOWS]


@pytest.mark.parametrize("flow", ALL, ids=lambda flow: flow.id)
def test_the_defaults_are_settings_that_could_be_configured(flow: Flow[Any]) -> None:
    defaults = flow.settings()
    written = msgspec.json.encode(defaults)
    assert msgspec.json.decode(written, type=flow.settings) == defaults
    assert flow.default_legs()


def test_ids_are_unique_and_purposes_are_sentences() -> None:
    assert len({flow.id for flow in ALL}) == len(ALL)
    assert all(flow.purpose.endswith(".") and flow.needs for flow in ALL)


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        (engagement_insight.Settings, {"window_minutes": 0}),
        (engagement_insight.Settings, {"spike_factor": 0}),
        (engagement_insight.Settings, {"demand_weights": {"looked": 1.0}}),
        (order_exception.Settings, {"handling_days": -1}),
        (order_exception.Settings, {"keywords": {"box": "no_such_reason"}}),
        (order_exception.Settings, {"priorities": {"fraud_review": "extreme"}}),
        (order_exception.Settings, {"delay_statuses": ["waiting"]}),
        (customer_cases.Settings, {"internal_statuses": ["sleeping"]}),
        (case_notification.Settings, {"threads_max": 0}),
        (availability.Settings, {"order_memory_hours": 0}),
    ],
)
def test_a_setting_out_of_bounds_is_refused_when_it_is_read(
    settings: type[msgspec.Struct], given: dict[str, Any]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, settings)
