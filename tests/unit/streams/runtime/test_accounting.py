"""Every kind of count has a metric."""

from typing import Any, get_args

import pytest
from prometheus_client import REGISTRY

from streams.engine.counts import CountKey, What
from streams.runtime.accounting import ACCOUNTS, account
from streams.runtime.rounds import Pending

FLOW, LEG = "test.accounting", "leg"


def test_every_kind_of_count_has_an_account_and_no_account_is_of_nothing() -> None:
    assert set(ACCOUNTS) == set(get_args(What))


def test_every_account_moves_a_metric() -> None:
    for what in ACCOUNTS:
        before = _total()
        _counted({(FLOW, LEG, what, "a reason"): 3})
        assert _total() - before >= 3, what


def test_a_dead_timer_is_counted_by_leg_and_reason() -> None:
    _counted({(FLOW, LEG, "dead timer", "ValueError"): 2})
    labels = {"flow": FLOW, "leg": LEG, "reason": "ValueError"}
    assert REGISTRY.get_sample_value("gridwire_flow_timers_dead_total", labels) == 2


def test_a_kind_that_nobody_knows_is_an_error() -> None:
    unknown: Any = {(FLOW, LEG, "vanished", ""): 1}
    with pytest.raises(KeyError, match="vanished"):
        _counted(unknown)


def _counted(counts: dict[CountKey, int]) -> None:
    pending = Pending()
    pending.counts.update(counts)
    account(pending, "test", {}, {})


def _total() -> float:
    """Of whatever metrics have one of our labels."""
    names = {FLOW, LEG}
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if names & set(sample.labels.values()) and sample.name.endswith("_total")
    )
