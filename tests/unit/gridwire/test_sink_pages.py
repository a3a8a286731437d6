"""What sinks do and how many replicas they want, as it is read off the connectors."""

import logging
from dataclasses import replace

import pytest

from connectors.kit.role import warn_of_replicas
from connectors.registry import CONNECTORS
from gridwire.commands.sink_pages import sink_facts, sinks_page
from tests.unit.connectors.kit.platforms import platform


def test_every_connectors_sink_is_listed_with_its_operations() -> None:
    facts = sink_facts()
    assert [one.platform for one in facts] == [one.name for one in CONNECTORS]
    shown = sinks_page()
    for one in facts:
        assert one.operations
        assert f"## {one.platform}" in shown
        assert all(f"| `{operation.name}` |" in shown for operation in one.operations)


def test_the_stores_quota_wants_one_replica_and_others_as_many_as_you_like() -> None:
    wanted = {one.platform: one.replicas_max for one in sink_facts()}
    assert wanted == {"braze": None, "bigcommerce": 1, "trading-grid": None}
    assert "| `bigcommerce` | 1 |" in sinks_page()


def test_what_goes_together_is_shown_with_its_bounds() -> None:
    assert "| `set_attributes` | natural | up to 50, 3500000 bytes" in sinks_page()
    assert "| `trigger_campaign` | depends on the command | - |" in sinks_page()


@pytest.mark.parametrize(
    ("replicas_max", "slot", "warned"), [(None, 7, False), (1, 0, False), (1, 1, True)]
)
def test_a_replica_beyond_the_accounts_limits_says_so(
    replicas_max: int | None, slot: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_replicas(replace(platform(), replicas_max=replicas_max), slot)
    assert bool(caplog.records) is warned
